/// A connection to PostgreSQL in which every wait has an end: the answer, a deadline, or
/// somebody who says stop. By poll(2) on libpq's socket, without signals or alarms.
#pragma once

#include <functional>
#include <optional>

#include <libpq-fe.h>

#include "driver.hpp"

namespace crossdock::sql {

/// The server's own words.
class server_error : public database_error {
public:
  server_error(trouble kind, const std::string& what, std::string state, bool fatal)
      : database_error{kind, what}, state_{std::move(state)}, fatal_{fatal} {}
  const std::string& state() const noexcept { return state_; } ///< SQLSTATE
  bool fatal() const noexcept { return fatal_; } ///< the session ended with it

private:
  std::string state_;
  bool fatal_;
};

class postgres_session {
public:
  /// Connects and sets what crossdock relies on: UTC, ISO dates, the timeouts, read-only
  /// unless a transaction says otherwise. Throws database_error{unreachable}.
  postgres_session(const connect_options& options, instant until);
  postgres_session(const postgres_session&) = delete;
  postgres_session& operator=(const postgres_session&) = delete;

  void finish_by(instant until) { until_ = until; }
  bool alive() noexcept;
  PGTransactionStatusType state() const { return PQtransactionStatus(raw()); }

  /// Commands without parameters; gives what the last one did ("COMMIT").
  std::string command(const std::string& text);
  void prepare(const std::string& name, const std::string& sql,
               const std::vector<Oid>& types);
  /// Calls `row` for each row and once more, without one, for the columns at the end.
  using on_result = std::function<void(const PGresult&)>;
  void run(const std::string& name, const std::vector<const char*>& values,
           const on_result& row);

  /// Channels that were notified since; throws database_error{io} once it is lost.
  std::set<std::string> notified();
  /// Waits for input or `wake_fd`, at most until `until`.
  void wait_for_input(int wake_fd, instant until);
  std::string quoted(const std::string& identifier) const;

private:
  struct closer {
    void operator()(PGconn* c) const { PQfinish(c); }
  };
  struct clearer {
    void operator()(PGresult* r) const { PQclear(r); }
  };
  using result = std::unique_ptr<PGresult, clearer>;

  PGconn* raw() const { return connection_.get(); }
  void connect(const connect_options& options);
  void settle(const connect_options& options);
  void wait(short events);
  void flush();
  result next();
  void require_sent(int sent);
  void finish(std::optional<server_error> error);
  [[noreturn]] void lost(const std::string& why);
  server_error error_of(const PGresult& r) const;
  std::string reason() const;

  std::unique_ptr<PGconn, closer> connection_;
  instant until_;
  int stop_fd_;
  bool lost_ = false;
};

} // namespace crossdock::sql
