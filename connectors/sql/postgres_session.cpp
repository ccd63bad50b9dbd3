#include "postgres_session.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <poll.h>

#include "postgres_text.hpp"

namespace crossdock::sql {
namespace {

using clock = std::chrono::steady_clock;

/// libpq's messages have several lines; ours have one.
std::string one_line(const char* text) {
  std::string out;
  for (const char* c = text ? text : ""; *c; ++c) {
    const bool blank = *c == '\n' || *c == '\t' || *c == ' ';
    if (!blank)
      out += *c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  while (!out.empty() && out.back() == ' ')
    out.pop_back();
  return out;
}

/// Whole milliseconds from now, at least 0; poll(2) would wait for ever on less.
int left_ms(instant until) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(until - clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

std::string field_of(const PGresult& r, int code) {
  const char* text = PQresultErrorField(&r, code);
  return text ? text : "";
}

bool is_fatal(const PGresult& r) {
  const auto severity = field_of(r, PG_DIAG_SEVERITY_NONLOCALIZED);
  return severity == "FATAL" || severity == "PANIC";
}

bool readable(int fd) {
  pollfd p{fd, POLLIN, 0};
  return fd >= 0 && ::poll(&p, 1, 0) > 0;
}

} // namespace

postgres_session::postgres_session(const connect_options& options, instant until)
    : until_{until}, stop_fd_{options.stop_fd} {
  try {
    connect(options);
    settle(options);
  } catch (const database_error& e) {
    // Whatever went wrong, nothing was asked for yet.
    throw database_error{trouble::unreachable, e.what()};
  }
}

void postgres_session::connect(const connect_options& options) {
  const auto password = password_of(options);
  // The text of 'database' may say everything else that libpq understands.
  std::vector<const char*> keys = {"dbname", "client_encoding",
                                   "fallback_application_name"};
  std::vector<const char*> values = {options.database.c_str(), "UTF8",
                                     options.application.c_str()};
  if (!password.empty()) {
    keys.push_back("password");
    values.push_back(password.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  until_ = std::min(until_, clock::now() + std::chrono::milliseconds{options.connect_ms});
  connection_.reset(PQconnectStartParams(keys.data(), values.data(), 1));
  if (!connection_ || PQstatus(raw()) == CONNECTION_BAD)
    lost(reason());
  // Notices would go to stderr. The last words of a server that ends an idle session
  // come as one.
  PQsetNoticeReceiver(
      raw(),
      [](void* self, const PGresult* r) {
        if (is_fatal(*r))
          static_cast<postgres_session*>(self)->lost_ = true;
      },
      this);
  for (auto step = PGRES_POLLING_WRITING; step != PGRES_POLLING_OK;
       step = PQconnectPoll(raw())) {
    if (step == PGRES_POLLING_FAILED)
      lost(reason());
    wait(step == PGRES_POLLING_READING ? POLLIN : POLLOUT);
  }
  if (PQsetnonblocking(raw(), 1) != 0)
    lost(reason());
}

void postgres_session::settle(const connect_options& options) {
  // Zero would mean "wait for ever" to the server.
  const auto ms = [](int n) { return std::to_string(std::max(n, 1)); };
  std::vector<std::pair<std::string, std::string>> settings = {
      {"TimeZone", "UTC"},
      {"DateStyle", "ISO"},
      {"standard_conforming_strings", "on"},
      {"default_transaction_read_only", "on"},
      {"statement_timeout", ms(options.statement_ms)},
      {"lock_timeout", ms(options.busy_ms)},
      {"idle_in_transaction_session_timeout", ms(options.idle_in_transaction_ms)},
      {"idle_session_timeout", "0"},
      // A server of version 14 or later notices that we are gone while it works.
      {"client_connection_check_interval", "2000"}};
  if (!options.search_path.empty())
    settings.emplace_back("search_path", options.search_path);
  std::string values;
  std::vector<const char*> bound;
  for (const auto& [name, setting] : settings) {
    bound.push_back(setting.c_str());
    values += (values.empty() ? "('" : ", ('") + name + "', $" +
              std::to_string(bound.size()) + "::text)";
  }
  // Those that this server knows.
  prepare("crossdock_settings",
          "SELECT set_config(s.name, v.setting, false) FROM (VALUES " + values +
              ") v (name, setting) JOIN pg_catalog.pg_settings s"
              " ON lower(s.name) = lower(v.name)",
          {});
  run("crossdock_settings", bound, [](const PGresult&) {});
}

bool postgres_session::alive() noexcept {
  if (lost_ || PQstatus(raw()) != CONNECTION_OK)
    return false;
  // A server that was stopped has said so, or closed the socket, by now: its last words
  // come first, the end of the stream with the next read.
  for (int reads = 0; reads < 8 && readable(PQsocket(raw())); ++reads)
    if (PQconsumeInput(raw()) != 1)
      lost_ = true;
  static_cast<void>(PQisBusy(raw())); // reads what came
  return !lost_ && PQstatus(raw()) == CONNECTION_OK && state() != PQTRANS_UNKNOWN;
}

// -- waiting
// ------------------------------------------------------------------------------

void postgres_session::wait(short events) {
  for (;;) {
    std::array<pollfd, 2> fds = {pollfd{PQsocket(raw()), events, 0},
                                 pollfd{stop_fd_, POLLIN, 0}}; // -1 is passed over
    const int n = ::poll(fds.data(), fds.size(), left_ms(until_));
    if (n < 0 && errno == EINTR)
      continue;
    if (n == 0)
      lost("no answer in time");
    if (n < 0 || fds[1].revents != 0)
      lost("the wait was ended");
    return;
  }
}

void postgres_session::wait_for_input(int wake_fd, instant until) {
  for (;;) {
    if (readable(stop_fd_))
      lost("the wait was ended");
    std::array<pollfd, 2> fds = {pollfd{PQsocket(raw()), POLLIN, 0},
                                 pollfd{wake_fd, POLLIN, 0}};
    const int n = ::poll(fds.data(), fds.size(), left_ms(until));
    if (n >= 0 || errno != EINTR)
      return;
  }
}

void postgres_session::flush() {
  for (;;) {
    const int left = PQflush(raw());
    if (left < 0)
      lost(reason());
    if (left == 0)
      return;
    // The server may stop reading until we have read: both sides, as libpq's manual says.
    wait(POLLIN | POLLOUT);
    if (PQconsumeInput(raw()) != 1)
      lost(reason());
  }
}

postgres_session::result postgres_session::next() {
  while (PQisBusy(raw())) {
    wait(POLLIN);
    if (PQconsumeInput(raw()) != 1)
      lost(reason());
  }
  return result{PQgetResult(raw())};
}

void postgres_session::require_sent(int sent) {
  if (sent != 1)
    lost(reason());
  flush();
}

void postgres_session::lost(const std::string& why) {
  lost_ = true;
  throw database_error{trouble::io, why};
}

std::string postgres_session::reason() const {
  auto text = one_line(connection_ ? PQerrorMessage(raw()) : "out of memory");
  return text.empty() ? "the connection was lost" : text;
}

// -- statements
// ---------------------------------------------------------------------------

server_error postgres_session::error_of(const PGresult& r) const {
  const auto state = field_of(r, PG_DIAG_SQLSTATE);
  if (state.empty()) // libpq's own: the connection broke
    return {trouble::io, reason(), "", true};
  const bool fatal = is_fatal(r);
  return {fatal ? trouble::io : trouble_of(state),
          one_line(field_of(r, PG_DIAG_MESSAGE_PRIMARY).c_str()), state, fatal};
}

void postgres_session::finish(std::optional<server_error> error) {
  if (!error)
    return;
  lost_ = lost_ || error->kind() == trouble::io;
  throw *std::move(error);
}

std::string postgres_session::command(const std::string& text) {
  require_sent(PQsendQuery(raw(), text.c_str()));
  std::optional<server_error> error;
  std::string done;
  while (const auto r = next()) {
    const auto status = PQresultStatus(r.get());
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE)
      error = error_of(*r);
    else
      done = PQcmdStatus(r.get());
  }
  finish(std::move(error));
  return done;
}

void postgres_session::prepare(const std::string& name, const std::string& sql,
                               const std::vector<Oid>& types) {
  require_sent(PQsendPrepare(raw(), name.c_str(), sql.c_str(),
                             static_cast<int>(types.size()),
                             types.empty() ? nullptr : types.data()));
  std::optional<server_error> error;
  while (const auto r = next())
    if (PQresultStatus(r.get()) != PGRES_COMMAND_OK)
      error = error_of(*r);
  finish(std::move(error));
}

void postgres_session::run(const std::string& name,
                           const std::vector<const char*>& values, const on_result& row) {
  require_sent(PQsendQueryPrepared(raw(), name.c_str(), static_cast<int>(values.size()),
                                   values.empty() ? nullptr : values.data(), nullptr,
                                   nullptr, 0));
  // A list that is far too long is passed over row by row, not held in memory.
  PQsetSingleRowMode(raw());
  std::optional<server_error> error;
  while (const auto r = next()) {
    const auto status = PQresultStatus(r.get());
    if (status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK)
      row(*r);
    else if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE)
      error = error_of(*r);
    else if (status != PGRES_COMMAND_OK) // COPY and its like would never end
      lost("the statement is of a kind that cannot be used here");
  }
  finish(std::move(error));
}

// -- notices
// ------------------------------------------------------------------------------

std::set<std::string> postgres_session::notified() {
  if (PQconsumeInput(raw()) != 1)
    lost(reason());
  std::set<std::string> out;
  while (auto* n = PQnotifies(raw())) {
    out.emplace(n->relname);
    PQfreemem(n);
  }
  if (PQstatus(raw()) != CONNECTION_OK)
    lost(reason());
  return out;
}

std::string postgres_session::quoted(const std::string& identifier) const {
  char* text = PQescapeIdentifier(raw(), identifier.c_str(), identifier.size());
  if (!text)
    throw database_error{trouble::schema, "not a name: " + identifier};
  std::string out{text};
  PQfreemem(text);
  return out;
}

} // namespace crossdock::sql
