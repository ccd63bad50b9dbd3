#include "erp.hpp"

#include <crossdock/fact.hpp>

namespace crossdock::sql {
namespace {

/// An argument that cannot be bound as the mapping says.
class bad_argument : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

value bound(const std::string& name, const json& v, parameter_type type) {
  if (v.is_null())
    return nullptr;
  const auto as_decimal = [&] {
    try {
      return v.get<sdk::decimal>();
    } catch (const std::exception&) {
      throw bad_argument{"'" + name + "' is not a number: " + v.dump()};
    }
  };
  switch (type) {
  case parameter_type::integer: {
    const auto d = as_decimal();
    if (d.micros() % sdk::decimal::one != 0)
      throw bad_argument{"'" + name + "' must be a whole number here: " + d.text()};
    return d.floor();
  }
  case parameter_type::real:
    return v.is_number() ? v.get<double>() : as_decimal().to_double();
  case parameter_type::boolean:
    return std::int64_t{v == true || v == 1};
  case parameter_type::text:
    return v.is_string() ? v.get<std::string>() : v.dump();
  case parameter_type::as_given:
    break;
  }
  if (v.is_string())
    return v.get<std::string>();
  if (v.is_boolean())
    return std::int64_t{v.get<bool>()};
  if (v.is_number_integer())
    return v.get<std::int64_t>();
  if (v.is_number())
    return v.get<double>();
  return v.dump();
}

std::string no_position(const feed& f, const std::string& position) {
  return f.page.place + ": there is no '" + position + "' beside it, which start = \"" +
         position + "\" needs: add it, or set start = \"all\"";
}

outcome as_outcome(no word) {
  return word == no::refused ? outcome::refused : outcome::conflict;
}

/// A transaction that is undone unless it was committed.
class transaction {
public:
  explicit transaction(connection& c) : connection_{c} {}
  ~transaction() {
    if (!done_)
      connection_.rollback();
  }
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;
  void commit() {
    connection_.commit();
    done_ = true;
  }
  /// Its connection is about to be closed, which undoes what was not committed.
  void let_go() { done_ = true; }

private:
  connection& connection_;
  bool done_ = false;
};

} // namespace

// -- the session
// --------------------------------------------------------------------------

/// The session, connected, with the time of one operation ahead of it.
connection& erp::ready() {
  const auto until = std::chrono::steady_clock::now() + options_.operation;
  if (connection_ && !connection_->alive())
    drop_session(); // nothing was asked for yet: nobody need hear of it
  if (!connection_) {
    try {
      connection_ = open(options_.connect, until);
    } catch (const database_error& e) {
      throw database_error{
          e.kind(), "the database " + database_name() + " cannot be opened: " + e.what() +
                        ": check 'database' in the connector's configuration"};
    }
  }
  connection_->finish_by(until);
  return *connection_;
}

void erp::drop_session() noexcept {
  statements_.clear();
  connection_.reset();
}

void erp::drop_if_lost(const database_error& e) noexcept {
  if (e.kind() == trouble::io || e.kind() == trouble::unreachable)
    drop_session();
}

/// Needs a session that is ready().
statement& erp::prepared(const statement_text& text) {
  auto& slot = statements_[&text];
  if (!slot) {
    try {
      slot = connection_->prepare(text.sql);
    } catch (const database_error& e) {
      if (e.kind() != trouble::schema)
        throw;
      throw database_error{e.kind(), text.place + ": " + e.what() + " in " +
                                         database_name() +
                                         ": correct the statement or the database"};
    }
  }
  return *slot;
}

rows erp::run(const statement_text& text, const bindings& with) {
  try {
    auto& compiled = prepared(text);
    return compiled.run(with, options_.rows_max);
  } catch (const database_error& e) {
    if (e.kind() == trouble::io || e.kind() == trouble::unreachable)
      throw;
    // A rule's own message is for the caller and stays as it is.
    if (e.kind() == trouble::schema && std::string{e.what()}.find(text.place) != 0)
      throw database_error{e.kind(), text.place + ": " + e.what()};
    throw;
  }
}

bindings erp::bind(const json& args, const parameter_types& types) const {
  bindings out;
  if (args.is_object())
    for (const auto& [name, v] : args.items()) {
      const auto type = types.find(name);
      if (v.is_object()) { // money: :unit_price_amount, :unit_price_currency
        for (const auto& [member, inner] : v.items())
          out[name + "_" + member] = bound(name, inner, parameter_type::as_given);
        continue;
      }
      out[name] =
          bound(name, v, type == types.end() ? parameter_type::as_given : type->second);
    }
  out["system"] = options_.system;
  return out;
}

std::optional<json> erp::first_row(const statement_text& text, const bindings& with) {
  const auto found = run(text, with);
  if (found.values.empty())
    return std::nullopt;
  return row_to_json(found.columns, found.values.front());
}

void erp::check(const statement_text& text, bool must_read, findings& into) {
  if (text.sql.empty() || !into.unavailable.empty())
    return;
  try {
    auto& compiled = prepared(text);
    if (must_read && !compiled.reads_only())
      into.wrong.push_back(text.place + ": this statement must only read");
    compiled.rehearse();
  } catch (const database_error& e) {
    if (e.kind() != trouble::schema)
      into.unavailable = text.place + ": " + e.what();
    else if (std::string_view{e.what()}.substr(0, text.place.size()) == text.place)
      into.wrong.emplace_back(e.what());
    else
      into.wrong.push_back(text.place + ": " + e.what() + " in " + database_name() +
                           ": grant it, or correct the statement");
  }
}

findings erp::check(const std::string& position) {
  findings out;
  for (const auto& [topic, f] : map_.feeds) {
    const auto& first = position == "now" ? f.now : f.open;
    if (position != "all" && first.sql.empty())
      out.wrong.push_back(no_position(f, position));
  }
  try {
    ready();
  } catch (const database_error& e) {
    out.unavailable = e.what();
    return out;
  }
  for (const auto& [topic, f] : map_.feeds)
    for (const auto* text : {&f.page, &f.open, &f.now})
      check(*text, true, out);
  for (const auto& [name, t] : map_.reads) {
    check(t.head, true, out);
    for (const auto& [list, text] : t.lists)
      check(text, true, out);
  }
  for (const auto& [name, t] : map_.writes) {
    for (const auto& p : t.require)
      check(p.check, true, out);
    for (const auto& text : t.statements)
      check(text, false, out);
    check(t.lookup, true, out);
  }
  if (!out.unavailable.empty())
    drop_session();
  return out;
}

// -- feeds
// --------------------------------------------------------------------------------

json erp::first_cursor(const std::string& topic, const std::string& position) {
  const auto& f = map_.feeds.at(topic);
  if (position == "all")
    return 0;
  const auto& text = position == "open" ? f.open : f.now;
  if (text.sql.empty())
    throw database_error{trouble::schema, no_position(f, position)};
  try {
    ready();
    const auto row = first_row(text, bind(json::object(), {}));
    return row && row->contains("cursor") ? row->at("cursor") : json(0);
  } catch (const database_error& e) {
    drop_if_lost(e);
    throw;
  }
}

std::vector<feed_row> erp::poll(const std::string& topic, const json& cursor, int limit) {
  const auto& f = map_.feeds.at(topic);
  auto with = bind({{"cursor", cursor}}, {});
  with["limit"] = std::int64_t{limit};
  rows found;
  try {
    ready();
    found = run(f.page, with);
  } catch (const database_error& e) {
    drop_if_lost(e);
    throw;
  }
  std::vector<feed_row> out;
  for (const auto& row : found.values) {
    feed_row r;
    r.payload = row_to_json(found.columns, row);
    if (!r.payload.contains("cursor"))
      throw database_error{trouble::schema,
                           f.page.place + ": a row has no column 'cursor'"};
    r.id = options_.system + "/" + fill(f.id, r.payload);
    r.cursor = r.payload.at("cursor");
    r.payload.erase("cursor");
    r.payload["system"] = options_.system;
    out.push_back(std::move(r));
  }
  return out;
}

// -- tools
// --------------------------------------------------------------------------------

tool_result erp::refusal(outcome what, const std::string& message) const {
  return {what, {{"message", message}, {"system", options_.system}}};
}

json erp::answer(json row) const {
  row["system"] = options_.system;
  return row;
}

/// The outcome of trouble before anything was committed.
tool_result erp::failed(const database_error& e, const std::string& tool) {
  switch (e.kind()) {
  case trouble::rule:
    for (const auto& rule : map_.rules) {
      const std::string message = e.what();
      if (message.compare(0, rule.begins.size(), rule.begins) != 0)
        continue;
      const auto rest = message.find_first_not_of(' ', rule.begins.size());
      return refusal(as_outcome(rule.outcome),
                     rest == std::string::npos ? message : message.substr(rest));
    }
    return refusal(outcome::refused, e.what());
  case trouble::unique:
  case trouble::schema:
    return refusal(outcome::refused, tool + ": " + e.what());
  case trouble::busy:
    return refusal(outcome::transient, e.what());
  case trouble::unreachable:
  case trouble::io:
    drop_if_lost(e);
    return refusal(outcome::transient, e.what());
  }
  return refusal(outcome::refused, e.what());
}

tool_result erp::read(const std::string& name, const json& args) {
  const auto found = map_.reads.find(name);
  if (found == map_.reads.end())
    return refusal(outcome::refused, map_.file + " maps no read tool '" + name + "'");
  const auto& tool = found->second;
  try {
    const auto with = bind(args, tool.types);
    auto& session = ready();
    prepared(tool.head); // outside the transaction, as the driver asks
    for (const auto& [list, text] : tool.lists)
      prepared(text);
    transaction view{session};
    session.begin_read(); // head and lists are of one moment
    auto head = first_row(tool.head, with);
    if (!head)
      return refusal(
          outcome::not_found,
          fill(tool.missing.empty() ? name + ": nothing there" : tool.missing, args));
    for (const auto& [list, text] : tool.lists) {
      const auto all = run(text, with);
      if (!all.complete)
        return refusal(outcome::refused, name + ": " + list + " has more than " +
                                             std::to_string(options_.rows_max) +
                                             " rows: ask for less");
      auto& into = (*head)[list] = json::array();
      for (const auto& row : all.values)
        into.push_back(row_to_json(all.columns, row));
    }
    return {outcome::ok, answer(*std::move(head))};
  } catch (const bad_argument& e) {
    return refusal(outcome::refused, e.what());
  } catch (const database_error& e) {
    return failed(e, name);
  }
}

std::optional<tool_result>
erp::broken_precondition(const write_tool& tool, const json& args, const bindings& with) {
  for (const auto& p : tool.require) {
    const auto row = first_row(p.check, with);
    if (row && (!row->contains("ok") || row->at("ok") == true || row->at("ok") == 1))
      continue;
    json known = args;
    if (row)
      known.update(*row);
    return refusal(as_outcome(p.outcome), fill(p.message, known));
  }
  return std::nullopt;
}

tool_result erp::write_in_transaction(const write_tool& tool, const std::string& name,
                                      const json& args, const bindings& with,
                                      const std::string& key) {
  auto& session = ready();
  prepared(tool.lookup); // outside the transaction, as the driver asks
  for (const auto& p : tool.require)
    prepared(p.check);
  for (const auto& text : tool.statements)
    prepared(text);
  transaction change{session};
  session.begin_write(key);
  if (auto earlier = first_row(tool.lookup, with))
    return {outcome::ok, answer(*std::move(earlier))};
  if (auto broken = broken_precondition(tool, args, with))
    return *std::move(broken);
  std::optional<json> result;
  for (const auto& text : tool.statements)
    result = first_row(text, with);
  if (!result)
    return refusal(as_outcome(tool.without_row),
                   fill(tool.without_row_message.empty()
                            ? name + ": the record is not as it was believed to be"
                            : tool.without_row_message,
                        args));
  try {
    change.commit();
  } catch (const database_error& e) {
    if (e.kind() != trouble::io)
      throw;
    change.let_go();
    drop_session();
    return refusal(outcome::unknown,
                   std::string{"whether the commit was done is not known: "} + e.what());
  }
  return {outcome::ok, answer(*std::move(result))};
}

tool_result erp::write(const std::string& name, const json& args,
                       const std::string& key) {
  const auto found = map_.writes.find(name);
  if (found == map_.writes.end())
    return refusal(outcome::refused, map_.file + " maps no write tool '" + name + "'");
  if (key.empty())
    return refusal(outcome::refused, name + " was called without an idempotency key");
  try {
    auto with = bind(args, found->second.types);
    with["key"] = key;
    try {
      return write_in_transaction(found->second, name, args, with, key);
    } catch (const database_error& e) {
      // Another session may have written the same key since our look-up.
      if (e.kind() != trouble::unique)
        throw;
      if (auto earlier = first_row(found->second.lookup, with))
        return {outcome::ok, answer(*std::move(earlier))};
      throw;
    }
  } catch (const bad_argument& e) {
    return refusal(outcome::refused, e.what());
  } catch (const database_error& e) {
    return failed(e, name);
  }
}

tool_result erp::lookup(const std::string& name, const json& args,
                        const std::string& key) {
  const auto found = map_.writes.find(name);
  if (found == map_.writes.end())
    return refusal(outcome::unknown, map_.file + " maps no write tool '" + name + "'");
  try {
    auto with = bind(args, found->second.types);
    with["key"] = key;
    auto& session = ready();
    prepared(found->second.lookup);
    transaction view{session};
    session.begin_lookup(key);
    if (auto row = first_row(found->second.lookup, with))
      return {outcome::ok, answer(*std::move(row))};
    return refusal(outcome::not_found, name + ": no record has this reference");
  } catch (const std::exception& e) {
    // Not "transient": that would say that the write was not done, which nobody knows.
    if (const auto* of_database = dynamic_cast<const database_error*>(&e))
      drop_if_lost(*of_database);
    return refusal(outcome::unknown, std::string{"the look-up failed: "} + e.what());
  }
}

} // namespace crossdock::sql
