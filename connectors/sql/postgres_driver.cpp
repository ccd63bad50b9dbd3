#include <charconv>
#include <cstring>

#include "postgres_session.hpp"
#include "postgres_text.hpp"

namespace crossdock::sql {
namespace {

constexpr Oid text_type = 25; // pg_type.oid of text, for a place that could be anything

/// The server says in 42P18 of which "$n" it could not find out the type; 0: none.
std::size_t undetermined(const server_error& e) {
  const std::string_view what = e.what();
  const auto at = what.rfind('$');
  std::size_t n = 0;
  if (e.state() == "42P18" && at != std::string_view::npos)
    std::from_chars(what.data() + at + 1, what.data() + what.size(), n);
  return n;
}

/// The table behind a compiled statement changed its shape, or the statement is gone.
bool outdated(const server_error& e) {
  return e.state() == "0A000" || e.state() == "26000";
}

std::string text_of(const value& v) {
  if (const auto* text = std::get_if<std::string>(&v)) {
    if (text->find('\0') != std::string::npos)
      throw database_error{trouble::rule,
                           "PostgreSQL has no text with a character of code 0"};
    return *text;
  }
  if (const auto* truth = std::get_if<bool>(&v))
    return *truth ? "1" : "0";
  char digits[32];
  const auto end =
      std::holds_alternative<double>(v)
          ? std::to_chars(digits, digits + sizeof digits, std::get<double>(v))
          : std::to_chars(digits, digits + sizeof digits, std::get<std::int64_t>(v));
  return {digits, end.ptr};
}

class postgres_statement final : public statement {
public:
  postgres_statement(postgres_session& session, std::string name, const std::string& text)
      : session_{session}, name_{std::move(name)}, text_{with_positions(text)},
        types_(text_.names.size(), 0), reads_{only_reads(text)} {
    if (is_empty(text))
      throw database_error{trouble::schema, "the statement is empty"};
    compile();
  }

  bool reads_only() const override { return reads_; }

  rows run(const bindings& with, std::size_t rows_max) override {
    if (!compiled_)
      compile();
    try {
      auto out = run_once(with, rows_max);
      again_ = false;
      return out;
    } catch (const server_error& e) {
      if (!outdated(e) || again_)
        throw;
      forget();
      if (session_.state() != PQTRANS_IDLE)
        throw database_error{trouble::busy, "a table changed while it was used: " +
                                                std::string{e.what()}};
      compile();
      return run_once(with, rows_max);
    }
  }

  void rehearse() override {
    std::string nulls;
    for (std::size_t i = 0; i < text_.names.size(); ++i)
      nulls += i == 0 ? "(NULL" : ", NULL";
    try {
      // Plans it and checks rights; runs nothing.
      session_.command("EXPLAIN EXECUTE " + name_ + (nulls.empty() ? "" : nulls + ")"));
    } catch (const server_error& e) {
      // Of its other complaints (a NULL where none may be, for one) a real call has none.
      if (e.state() == "42501" || e.kind() == trouble::io)
        throw;
    }
  }

private:
  void compile() {
    for (;;) {
      try {
        session_.prepare(name_, text_.sql, types_);
        compiled_ = true;
        return;
      } catch (const server_error& e) {
        const auto n = undetermined(e);
        if (n == 0 || n > types_.size() || types_[n - 1] != 0)
          throw;
        types_[n - 1] = text_type;
      }
    }
  }
  void forget() {
    compiled_ = false;
    again_ = true;
    if (session_.state() == PQTRANS_IDLE) {
      try {
        session_.command("DEALLOCATE " + name_);
      } catch (const server_error& e) {
        if (!outdated(e)) // gone is what it should be
          throw;
      }
    } else {
      name_ += "x"; // in a failed transaction nothing can be taken back
    }
  }

  rows run_once(const bindings& with, std::size_t rows_max) {
    std::vector<std::string> texts(text_.names.size());
    std::vector<const char*> values(text_.names.size(), nullptr);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto found = with.find(text_.names[i]);
      if (found == with.end() || std::holds_alternative<std::nullptr_t>(found->second))
        continue;
      texts[i] = text_of(found->second);
      values[i] = texts[i].c_str();
    }
    rows out;
    session_.run(name_, values, [&](const PGresult& r) { take(r, rows_max, out); });
    return out;
  }

  static void take(const PGresult& r, std::size_t rows_max, rows& out) {
    if (out.columns.empty())
      for (int c = 0; c < PQnfields(&r); ++c)
        out.columns.emplace_back(PQfname(&r, c));
    for (int row = 0; row < PQntuples(&r); ++row) {
      if (out.values.size() == rows_max) {
        out.complete = false;
        return;
      }
      auto& into = out.values.emplace_back();
      for (int c = 0; c < PQnfields(&r); ++c)
        into.push_back(
            PQgetisnull(&r, row, c)
                ? value{nullptr}
                : postgres_value(PQftype(&r, c),
                                 {PQgetvalue(&r, row, c),
                                  static_cast<std::size_t>(PQgetlength(&r, row, c))}));
    }
  }

  postgres_session& session_;
  std::string name_;
  positional text_;
  std::vector<Oid> types_; // 0: the server finds out
  bool reads_;
  bool compiled_ = false;
  bool again_ = false; // compiled anew, and not run successfully since
};

/// The lock of an idempotency key. The number must be the same on every node and in every
/// version: FNV-1a, 64 bits.
std::string lock_of(const std::string& key) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : key) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3u;
  }
  std::int64_t number = 0;
  std::memcpy(&number, &hash, sizeof number);
  return "SELECT pg_catalog.pg_advisory_xact_lock(" + std::to_string(number) + ")";
}

class postgres_connection final : public connection {
public:
  postgres_connection(const connect_options& options, instant until)
      : session_{options, until}, read_only_{options.read_only} {}

  std::unique_ptr<statement> prepare(const std::string& text) override {
    return std::make_unique<postgres_statement>(
        session_, "crossdock_" + std::to_string(++statements_), text);
  }

  void begin_read() override {
    session_.command("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  }
  void begin_write(const std::string& key) override {
    if (read_only_)
      throw database_error{trouble::rule, "this session only reads"};
    try {
      session_.command("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; " +
                       lock_of(key));
    } catch (const server_error& e) {
      // A standby. Another connection may find the primary (target_session_attrs).
      if (e.kind() == trouble::schema)
        throw database_error{trouble::unreachable, e.what()};
      throw;
    }
  }
  // Each statement sees what was committed before it: the look-up, what was committed
  // while the lock was waited for.
  void begin_lookup(const std::string& key) override {
    session_.command("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; " + lock_of(key));
  }
  void commit() override {
    std::string done;
    try {
      done = session_.command("COMMIT");
    } catch (const server_error& e) {
      // An error that the session survives was found before anything became final; one
      // that ends it may have come while a standby's receipt was waited for.
      if (!e.fatal() && e.kind() == trouble::io && e.state() != "40003")
        throw database_error{trouble::busy, e.what()};
      throw;
    }
    if (done != "COMMIT")
      throw database_error{trouble::busy, "the server undid the transaction"};
  }
  void rollback() noexcept override {
    try {
      if (alive() && session_.state() != PQTRANS_IDLE)
        session_.command("ROLLBACK");
    } catch (const std::exception&) {
      // Not alive any more: the server undoes it by itself.
    }
  }
  bool alive() noexcept override { return session_.alive(); }
  void finish_by(instant until) override { session_.finish_by(until); }

private:
  postgres_session session_;
  bool read_only_;
  std::size_t statements_ = 0;
};

class postgres_listener final : public listener {
public:
  postgres_listener(const connect_options& options, const std::set<std::string>& channels,
                    instant until)
      : session_{options, until} {
    session_.finish_by(until);
    for (const auto& name : channels)
      session_.command("LISTEN " + session_.quoted(name));
  }

  std::set<std::string> wait(int wake_fd, instant until) override {
    auto heard = session_.notified();
    if (!heard.empty())
      return heard;
    session_.wait_for_input(wake_fd, until);
    return session_.notified();
  }
  void ask_whether_alive(instant until) override {
    session_.finish_by(until);
    session_.command("SELECT 1");
  }

private:
  postgres_session session_;
};

} // namespace

std::unique_ptr<connection> open_postgres(const connect_options& options, instant until) {
  return std::make_unique<postgres_connection>(options, until);
}

std::unique_ptr<listener> listen_postgres(const connect_options& options,
                                          const std::set<std::string>& channels,
                                          instant until) {
  return std::make_unique<postgres_listener>(options, channels, until);
}

std::string postgres_name_of(const connect_options& options) {
  struct release {
    void operator()(PQconninfoOption* o) const { PQconninfoFree(o); }
  };
  const std::unique_ptr<PQconninfoOption, release> parts{
      PQconninfoParse(options.database.c_str(), nullptr)};
  if (!parts)
    return {};
  std::string name, host, port;
  for (const auto* o = parts.get(); o->keyword; ++o) {
    const std::string_view key = o->keyword;
    const std::string text = o->val ? o->val : "";
    if (key == "dbname")
      name = text;
    else if (key == "host" || (key == "hostaddr" && host.empty()))
      host = text;
    else if (key == "port")
      port = text;
  }
  return (name.empty() ? "the login's database" : name) + " on " +
         (host.empty() ? "the local server" : host) + (port.empty() ? "" : ":" + port);
}

} // namespace crossdock::sql
