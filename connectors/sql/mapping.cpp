#include "mapping.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include <toml++/toml.h>

namespace crossdock::sql {
namespace {

using sdk::bad_config;

/// Reads one table of the file; remembers what was asked for, so that a misspelt member
/// is an error and not silence.
class reader {
public:
  reader(const toml::table& table, std::string file, std::string entry)
      : table_{table}, file_{std::move(file)}, entry_{std::move(entry)} {}

  [[noreturn]] void fail(const toml::node& at, const std::string& what) const {
    throw bad_config{place(at) + ": " + what};
  }
  std::string place(const toml::node& at) const {
    return file_ + ":" + std::to_string(at.source().begin.line) + ": " + entry_;
  }

  std::string text(const char* member, bool required = false) {
    known_.insert(member);
    const auto* node = table_.get(member);
    if (!node) {
      if (required)
        fail(table_, std::string{"has no '"} + member + "'");
      return {};
    }
    if (!node->is_string())
      fail(*node, std::string{"'"} + member + "' must be a text");
    return node->as_string()->get();
  }
  statement_text sql(const char* member, bool required = false) {
    auto found = text(member, required);
    return {std::move(found), table_.get(member)
                                  ? place(*table_.get(member)) + "." + member
                                  : std::string{}};
  }
  no refusal(const char* member, no otherwise) {
    const auto word = text(member);
    if (word.empty())
      return otherwise;
    if (word != "refused" && word != "conflict")
      fail(*table_.get(member),
           std::string{"'"} + member + "' must be \"refused\" or \"conflict\"");
    return word == "refused" ? no::refused : no::conflict;
  }
  parameter_types types() {
    known_.insert("types");
    parameter_types out;
    const auto* node = table_.get("types");
    if (!node)
      return out;
    static const std::map<std::string, parameter_type> names = {
        {"integer", parameter_type::integer},
        {"real", parameter_type::real},
        {"text", parameter_type::text},
        {"boolean", parameter_type::boolean}};
    if (!node->is_table())
      fail(*node, "'types' must be a table of parameter = \"type\"");
    for (const auto& [name, type] : *node->as_table()) {
      const auto found =
          type.is_string() ? names.find(type.as_string()->get()) : names.end();
      if (found == names.end())
        fail(type, "a type must be \"integer\", \"real\", \"text\" or \"boolean\"");
      out.emplace(name.str(), found->second);
    }
    return out;
  }
  /// The tables of an array or the members of a table; empty if there is none.
  const toml::node* node(const char* member) {
    known_.insert(member);
    return table_.get(member);
  }
  void finish() const {
    for (const auto& [name, value] : table_)
      if (known_.count(std::string{name.str()}) == 0)
        fail(value, "'" + std::string{name.str()} + "' is not known here");
  }

private:
  const toml::table& table_;
  std::string file_, entry_;
  std::set<std::string> known_;
};

feed read_feed(const std::string& topic, reader in) {
  feed f;
  f.topic = topic;
  f.page = in.sql("statement", true);
  f.open = in.sql("open");
  f.now = in.sql("now");
  if (auto id = in.text("id"); !id.empty())
    f.id = std::move(id);
  f.notify = in.sql("notify");
  in.finish();
  return f;
}

read_tool read_read(reader in, const std::string& file, const std::string& entry) {
  read_tool t;
  t.head = in.sql("statement", true);
  t.missing = in.text("missing");
  t.types = in.types();
  if (const auto* lists = in.node("lists")) {
    if (!lists->is_table())
      in.fail(*lists, "'lists' must be a table of list = statement");
    reader each{*lists->as_table(), file, entry + ".lists"};
    for (const auto& [name, value] : *lists->as_table())
      t.lists.emplace(name.str(), each.sql(std::string{name.str()}.c_str(), true));
  }
  in.finish();
  return t;
}

write_tool read_write(reader in, const std::string& file, const std::string& entry) {
  write_tool t;
  t.lookup = in.sql("lookup", true);
  t.without_row = in.refusal("without_row", no::conflict);
  t.without_row_message = in.text("without_row_message");
  t.types = in.types();
  const auto* statements = in.node("statements");
  if (!statements || !statements->is_array() || statements->as_array()->empty())
    throw bad_config{file + ": " + entry +
                     ": 'statements' must be an array of statements"};
  for (const auto& s : *statements->as_array()) {
    if (!s.is_string())
      in.fail(s, "'statements' must be an array of statements");
    t.statements.push_back({s.as_string()->get(), in.place(s) + ".statements"});
  }
  if (const auto* require = in.node("require")) {
    if (!require->is_array())
      in.fail(*require, "'require' must be an array of tables");
    for (const auto& each : *require->as_array()) {
      if (!each.is_table())
        in.fail(each, "'require' must be an array of tables");
      reader one{*each.as_table(), file, entry + ".require"};
      precondition p;
      p.check = one.sql("statement", true);
      p.outcome = one.refusal("outcome", no::refused);
      p.message = one.text("message", true);
      one.finish();
      t.require.push_back(std::move(p));
    }
  }
  in.finish();
  return t;
}

} // namespace

mapping mapping::load(const std::string& path) {
  std::ifstream in{path};
  std::ostringstream text;
  if (!in || !(text << in.rdbuf()))
    throw bad_config{path +
                     ": the mapping file cannot be read: set 'mapping' to its path"};
  return parse(text.str(), path);
}

mapping mapping::parse(std::string_view text, const std::string& file) {
  toml::table root;
  try {
    root = toml::parse(text, file);
  } catch (const toml::parse_error& e) {
    throw bad_config{file + ":" + std::to_string(e.source().begin.line) + ": " +
                     std::string{e.description()}};
  }
  mapping out;
  out.file = file;
  reader top{root, file, "top level"};
  const auto each = [&](const char* section, const auto& read) {
    const auto* node = top.node(section);
    if (!node)
      return;
    if (!node->is_table())
      top.fail(*node, std::string{"'"} + section + "' must be a table");
    for (const auto& [key, value] : *node->as_table()) {
      const std::string name{key.str()};
      const auto entry = std::string{section} + "." + name;
      if (!value.is_table())
        top.fail(value, "'" + entry + "' must be a table; quote names that have a dot");
      read(name, reader{*value.as_table(), file, entry}, entry);
    }
  };
  each("poll", [&](const auto& name, reader in, const auto&) {
    out.feeds.emplace(name, read_feed(name, std::move(in)));
  });
  each("read", [&](const auto& name, reader in, const auto& entry) {
    out.reads.emplace(name, read_read(std::move(in), file, entry));
  });
  each("write", [&](const auto& name, reader in, const auto& entry) {
    out.writes.emplace(name, read_write(std::move(in), file, entry));
  });
  if (const auto* rules = top.node("rules")) {
    if (!rules->is_array())
      top.fail(*rules, "'rules' must be an array of tables");
    for (const auto& rule : *rules->as_array()) {
      if (!rule.is_table())
        top.fail(rule, "'rules' must be an array of tables");
      reader one{*rule.as_table(), file, "rules"};
      rule_prefix r;
      r.begins = one.text("begins", true);
      r.outcome = one.refusal("outcome", no::refused);
      one.finish();
      out.rules.push_back(std::move(r));
    }
  }
  top.finish();
  return out;
}

} // namespace crossdock::sql
