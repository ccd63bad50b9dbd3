/// Values as people read them, and facts with where they came from.
#pragma once

#include "base/json.hpp"
#include "crossdock/screen.hpp"

#include <set>
#include <string>

namespace crossdock::cli {

/// The member as text, whatever it is: strings as they are, others as JSON; empty if
/// absent.
std::string shown(const json& object, const char* name);
/// A list of texts, joined by commas.
std::string joined(const json& list);
/// {amount, currency} as "1500.00 EUR": two decimals, rounded half to even. Empty if it
/// is no money.
std::string money_text(const json& money);
/// "87.3 %" of 873; empty if it is no integer.
std::string permille_text(const json& permille);
/// "87 %" of "0.8731"; "under 1 %" and "over 99 %" where rounding would say none or all.
/// What is no decimal stays.
std::string percent_text(const std::string& share);
/// "2026-11-23 08:15:03" of an RFC 3339 instant in UTC; what is no instant stays.
std::string instant_text(std::string_view rfc3339);
/// "08:15:03" of it.
std::string time_text(std::string_view rfc3339);
/// "item P-1, from DC, quantity 7": an action's arguments.
std::string args_text(const json& args);

/// "on_hand = 3 pcs: sim-erp, stock/P-1@B1, on_hand, as of 2026-11-23 08:15:03".
std::string fact_text(const json& fact);

/// Prints facts, each once in the life of this object: a story repeats what it rests on.
/// The day of `as of` is told when it changes.
class fact_printer {
public:
  explicit fact_printer(screen& s) : screen_(s) {}
  void print(const json& facts, std::size_t indent);

private:
  screen& screen_;
  std::set<std::string> printed_;
  std::string day_; ///< Of the fact printed last.
};

} // namespace crossdock::cli
