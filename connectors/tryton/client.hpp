/// A session with one Tryton database.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "http.hpp"

namespace crossdock::tryton {

struct credentials {
  std::string url; ///< "http://127.0.0.1:8000", without the database
  std::string database;
  std::string user;
  std::string password;
};

/// Calls Tryton's methods. Logs in at the first call and again when the session has gone;
/// everything else that fails is a `failure`, never a retry. Not for two threads at once.
class client {
public:
  client(credentials who, std::unique_ptr<transport> by,
         std::chrono::milliseconds timeout = std::chrono::milliseconds{15'000});

  /// Until end_budget(), all calls together take at most `all`; a call that could not
  /// begin any more fails as transient without being sent.
  void begin_budget(std::chrono::milliseconds all);
  void end_budget() { budget_end_.reset(); }

  /// Calls model.MODEL.METHOD with `params` and the session's context, overlaid with
  /// `context`, as Tryton wants it: last. Throws failure.
  json call(access how, const std::string& model, const std::string& method, json params,
            const json& context = json::object());

  /// search_read with paging until all rows (at most `limit`) are there. `fields` may be
  /// dotted; then they come back as row["party."]["code"].
  json search(const std::string& model, const json& domain, const json& fields,
              std::size_t limit = 5'000);

  /// Tryton's clock, from the Date header of the last answer: RFC 3339, whole seconds.
  std::string now() const { return instant_text(server_time_); }
  /// Today in Tryton (its company's day), asked for once per session and day of its
  /// clock.
  std::string today();
  /// The company of the session's user; throws failure if the login has none.
  int company();
  const std::string& user() const { return who_.user; }

private:
  using clock = std::chrono::steady_clock;

  void log_in();
  answer post(access how, const std::string& method, const json& params);
  std::chrono::milliseconds remaining() const;

  credentials who_;
  std::unique_ptr<transport> transport_;
  std::chrono::milliseconds timeout_;
  std::optional<clock::time_point> budget_end_;
  std::string authorization_;
  json context_;
  std::uint64_t id_ = 0;
  std::int64_t server_time_ = 0;
  std::string today_, today_asked_on_;
};

} // namespace crossdock::tryton
