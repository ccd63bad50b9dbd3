#include "fault/books.hpp"

#include <algorithm>

namespace crossdock::test {

namespace {

using findings = std::vector<std::string>;

void check_records(const books& b, findings& out) {
  for (const auto& e : b.acknowledged)
    if (!b.recorded.contains(e.seq))
      out.push_back("event " + std::to_string(e.seq) + " of " + e.line +
                    " was acknowledged and has no record");
  if (b.unfinished > 0)
    out.push_back(std::to_string(b.unfinished) + " deliveries were never handled");
}

/// The last event of each order line, which is what the order agent must have of it.
std::map<std::string, const books::event*> last_of_lines(const books& b) {
  std::map<std::string, const books::event*> last;
  for (const auto& e : b.acknowledged)
    if (e.topic == "order.line")
      last[e.line] = &e;
  return last;
}

void check_consequences(const books& b, findings& out) {
  const auto last = last_of_lines(b);
  for (const auto& [line, e] : last) {
    if (b.dead.contains(e->seq))
      continue;
    const auto known = b.lines_known.find(line);
    if (e->state != "open") {
      if (known != b.lines_known.end())
        out.push_back("line " + line + " is " + e->state + " and still taken for open");
      continue;
    }
    if (known == b.lines_known.end())
      out.push_back("line " + line + " was told as open and the order agent forgot it");
    else if (known->second != e->as_of)
      out.push_back("line " + line + " is known as of " + known->second +
                    ", it was last told as of " + e->as_of);
    const auto judged = b.judged.find(e->place);
    if (judged == b.judged.end() || judged->second < e->as_of)
      out.push_back("line " + line + " was not judged after it was told");
  }
  // A receipt that moved changes what the lines told before it can count on.
  for (const auto& e : b.acknowledged) {
    const auto concerns = [&](const auto& told) {
      return told.second->place == e.place && told.second->state == "open" &&
             told.second->seq < e.seq;
    };
    if (e.topic != "purchase.line" || b.dead.contains(e.seq) ||
        std::none_of(last.begin(), last.end(), concerns))
      continue;
    const auto judged = b.judged.find(e.place);
    if (judged == b.judged.end() || judged->second < e.as_of)
      out.push_back("purchase line " + e.line + " moved and nobody looked at " + e.place);
  }
  for (const auto& line : b.open_lines) {
    const auto told = last.find(line);
    if (told == last.end() || told->second->state != "open")
      out.push_back("line " + line + " is open at the distributor and was never told");
  }
}

void check_effects(const books& b, findings& out) {
  std::map<std::string, std::string> written; // reference -> tool
  for (const auto& [reference, tool] : b.writes)
    if (!written.emplace(reference, tool).second)
      out.push_back(tool + " " + reference + " was done twice");
  for (const auto& e : b.effects) {
    const auto there = written.find(e.reference);
    if (e.state == "executed") {
      if (there == written.end() || there->second != e.tool)
        out.push_back(e.tool + " " + e.reference +
                      " counts as executed and is not in the distributor's books");
      else
        written.erase(there);
    } else if (e.state != "failed") {
      out.push_back(e.tool + " " + e.reference + " is still " + e.state);
    }
  }
  for (const auto& [reference, tool] : written)
    out.push_back(tool + " " + reference +
                  " is in the distributor's books and not executed in ours");
}

} // namespace

std::vector<std::string> wrong_with(const books& b) {
  findings out;
  check_records(b, out);
  check_consequences(b, out);
  check_effects(b, out);
  return out;
}

} // namespace crossdock::test
