#include "gate/rule.hpp"

#include "base/digest.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <set>

namespace crossdock::gate {
namespace {

using strings = std::vector<std::string>;

/// Reads one file. The first mistake is kept and everything after it is read as if
/// absent, so that the functions below need not check after each step.
class parser {
public:
  explicit parser(std::string file) : file_(std::move(file)) {}

  std::optional<error>& failure() { return failure_; }

  void file(const toml::table& root, policy_access::compiled& out) {
    only(root, {"version", "name", "defaults", "rule", "chain"},
         "at the top of a policy");
    const auto version = root["version"].value<std::int64_t>();
    if (!version || *version != 1) {
      fail(root, errc::version, "a policy begins with version = 1");
    }
    out.name = text(root, "name", false);
    defaults(root, out);
    for_tables(root, "chain", limits::chains_max, [&](const toml::table& t) {
      out.chains.push_back(read_chain(t));
      out.chain_lines.push_back(line_of(t));
    });
    for_tables(root, "rule", limits::rules_max,
               [&](const toml::table& t) { out.rules.push_back(read_rule(t)); });
    within_.clear();
    if (!failure_) {
      names(root, out);
    }
  }

private:
  static int line_of(const toml::node& n) {
    return static_cast<int>(n.source().begin.line);
  }

  void fail(const toml::node& at, errc code, std::string message) {
    fail(line_of(at), code, std::move(message));
  }
  void fail(int line, errc code, std::string message) {
    if (failure_) {
      return;
    }
    error e(code, std::move(message));
    e.at("file", file_).at("line", std::to_string(line));
    if (!within_.empty()) {
      e.at(kind_, within_);
    }
    failure_ = std::move(e);
  }

  void only(const toml::table& t, std::initializer_list<std::string_view> keys,
            const std::string& where) {
    for (const auto& [key, node] : t) {
      if (std::find(keys.begin(), keys.end(), key.str()) == keys.end()) {
        fail(node, errc::invalid,
             fmt::format("unknown key \"{}\" {}; known: {}", std::string(key.str()),
                         where, fmt::join(keys, ", ")));
      }
    }
  }

  template <class Each>
  void for_tables(const toml::table& root, const char* name, std::size_t most,
                  Each each) {
    const auto* node = root.get(name);
    if (node == nullptr) {
      return;
    }
    const auto* list = node->as_array();
    if (list == nullptr || !list->is_array_of_tables()) {
      fail(*node, errc::invalid, fmt::format("write [[{}]], once for each", name));
      return;
    }
    if (list->size() > most) {
      fail(*node, errc::limit, fmt::format("more than {} of [[{}]]", most, name));
      return;
    }
    for (const auto& item : *list) {
      kind_ = name;
      within_.clear();
      each(*item.as_table());
    }
  }

  std::string text(const toml::table& t, const char* key, bool required) {
    const auto* node = t.get(key);
    if (node == nullptr) {
      if (required) {
        fail(t, errc::invalid, fmt::format("\"{}\" is missing", key));
      }
      return {};
    }
    const auto value = node->value_exact<std::string>();
    if (!value) {
      fail(*node, errc::invalid, fmt::format("\"{}\" is a text in quotes", key));
      return {};
    }
    return *value;
  }

  /// "name" or ["name", ...], sorted and without repetition unless `as_written`.
  strings list(const toml::table& t, const char* key, bool as_written = false) {
    strings out;
    const auto* node = t.get(key);
    if (node == nullptr) {
      return out;
    }
    if (const auto one = node->value_exact<std::string>()) {
      out.push_back(*one);
    } else if (const auto* many = node->as_array()) {
      for (const auto& item : *many) {
        const auto word = item.value_exact<std::string>();
        if (!word) {
          fail(item, errc::invalid, fmt::format("\"{}\" holds texts in quotes", key));
          return out;
        }
        out.push_back(*word);
      }
    } else {
      fail(*node, errc::invalid, fmt::format("\"{}\" is a text or a list of texts", key));
    }
    if (out.empty()) {
      fail(*node, errc::invalid,
           fmt::format("\"{}\" is an empty list and would never match", key));
    }
    if (out.size() > limits::set_entries_max) {
      fail(*node, errc::limit,
           fmt::format("\"{}\" names more than {} things", key, limits::set_entries_max));
    }
    for (const auto& word : out) {
      if (word.empty()) {
        fail(*node, errc::invalid, fmt::format("\"{}\" holds an empty text", key));
      }
    }
    if (!as_written) {
      std::sort(out.begin(), out.end());
      out.erase(std::unique(out.begin(), out.end()), out.end());
    }
    return out;
  }

  name_set set(const toml::table& t, const char* key) {
    name_set out;
    out.names = list(t, key);
    out.any = out.names.empty() ||
              std::find(out.names.begin(), out.names.end(), "*") != out.names.end();
    if (out.any && out.names.size() > 1) {
      fail(*t.get(key), errc::invalid,
           fmt::format("\"{}\" names \"*\", which is everything, beside other things",
                       key));
    }
    if (out.any) {
      out.names.clear();
    }
    return out;
  }

  /// A sub-table, or null. A mistake if it is there and no table.
  const toml::table* table(const toml::table& t, const char* key) {
    const auto* node = t.get(key);
    if (node == nullptr) {
      return nullptr;
    }
    if (!node->is_table()) {
      fail(*node, errc::invalid,
           fmt::format("\"{}\" is a table: {} = {{ ... }}", key, key));
      return nullptr;
    }
    return node->as_table();
  }

  std::optional<std::chrono::seconds> duration(const toml::table& t, const char* key) {
    const auto* node = t.get(key);
    if (node == nullptr) {
      return std::nullopt;
    }
    const auto value = parse_duration(text(t, key, true));
    if (!value) {
      fail(*node, value.error().code(),
           fmt::format("\"{}\": {}", key, value.error().message()));
      return std::nullopt;
    }
    return *value;
  }

  void bound(const toml::table& t, const char* key, bool low, bool open,
             money_ranges& out) {
    if (!t.contains(key)) {
      return;
    }
    for (const auto& word : list(t, key)) {
      const auto m = money::parse(word);
      if (!m) {
        fail(*t.get(key), errc::malformed, m.error().message());
        return;
      }
      auto& r = out[m->currency];
      if (low ? r.low.has_value() : r.high.has_value()) {
        fail(*t.get(key), errc::invalid, "two bounds of one side for " + m->currency);
      }
      (low ? r.low : r.high) = m->amount;
      (low ? r.low_open : r.high_open) = open;
    }
  }

  money_ranges amounts(const toml::table& rule, const char* key, bool zero_is_lowest) {
    money_ranges out;
    const auto* t = table(rule, key);
    if (t == nullptr) {
      return out;
    }
    only(*t, {"min", "above", "max", "below"}, fmt::format("in \"{}\"", key));
    bound(*t, "min", true, false, out);
    bound(*t, "above", true, true, out);
    bound(*t, "max", false, false, out);
    bound(*t, "below", false, true, out);
    if (out.empty()) {
      fail(*t, errc::invalid,
           fmt::format("\"{}\" names no bound such as \"250 USD\"", key));
    }
    for (auto& [currency, r] : out) {
      if (!r.low && zero_is_lowest) {
        r.low = decimal();
      }
      if (r.empty()) {
        fail(*t, errc::invalid,
             fmt::format("\"{}\" in {} is an empty range and would never match", key,
                         currency));
      }
    }
    return out;
  }

  /// 0.85 or "0.85" to 850.
  int permille(const toml::table& t, const char* key, int otherwise) {
    const auto* node = t.get(key);
    if (node == nullptr) {
      return otherwise;
    }
    std::optional<decimal> value;
    if (const auto word = node->value_exact<std::string>()) {
      if (const auto d = decimal::parse(*word); d) {
        value = *d;
      }
    } else if (const auto number = node->value<double>();
               number && std::isfinite(*number)) {
      if (const auto d = decimal::parse(fmt::format("{:.6f}", *number)); d) {
        value = *d;
      }
    }
    constexpr auto unit = decimal::scale / 1000;
    if (!value || value->micros() < 0 || value->micros() > decimal::scale ||
        value->micros() % unit != 0) {
      fail(*node, errc::invalid,
           fmt::format("confidence \"{}\" is 0 to 1 with at most three decimals", key));
      return otherwise;
    }
    return static_cast<int>(value->micros() / unit);
  }

  std::optional<decimal> number(const toml::table& t, const char* key) {
    const auto* node = t.get(key);
    if (node == nullptr) {
      return std::nullopt;
    }
    if (const auto whole = node->value_exact<std::int64_t>()) {
      if (const auto d = decimal::parse(std::to_string(*whole)); d) {
        return *d;
      }
    } else if (const auto word = node->value_exact<std::string>()) {
      if (const auto d = decimal::parse(*word); d) {
        return *d;
      }
    }
    fail(*node, errc::invalid,
         fmt::format("\"{}\" is a whole number or a decimal in quotes", key));
    return std::nullopt;
  }

  std::vector<fact_condition> facts(const toml::table& rule) {
    std::vector<fact_condition> out;
    const auto* t = table(rule, "facts");
    if (t == nullptr) {
      return out;
    }
    for (const auto& [key, node] : *t) {
      const auto* condition = node.as_table();
      if (condition == nullptr) {
        fail(node, errc::invalid,
             "a condition on a fact is a table: name = { min = \"1\" }");
        return out;
      }
      only(*condition, {"min", "above", "max", "below", "one_of", "unit"},
           "in a condition on a fact");
      fact_condition c;
      c.name = std::string(key.str());
      const auto side = [&](const char* closed, const char* open,
                            std::optional<decimal>& v, bool& is_open) {
        v = number(*condition, closed);
        if (const auto strict = number(*condition, open)) {
          if (v) {
            fail(*condition, errc::invalid,
                 fmt::format("either \"{}\" or \"{}\"", closed, open));
          }
          v = strict;
          is_open = true;
        }
      };
      side("min", "above", c.value.low, c.value.low_open);
      side("max", "below", c.value.high, c.value.high_open);
      c.one_of = list(*condition, "one_of");
      c.unit = text(*condition, "unit", false);
      if (c.numeric() && !c.one_of.empty()) {
        fail(*condition, errc::invalid, "a fact is either a number or one of some texts");
      }
      if (c.value.empty()) {
        fail(*condition, errc::invalid, "an empty range would never match");
      }
      out.push_back(std::move(c));
    }
    return out;
  }

  std::optional<int> minute_of_day(const toml::table& t, const char* key, int otherwise) {
    const auto* node = t.get(key);
    if (node == nullptr) {
      return otherwise;
    }
    const auto word = text(t, key, true);
    const auto at = clock_text(word);
    if (!at || *at > 24 * 60) {
      fail(*node, errc::invalid, fmt::format("\"{}\" is a time like \"08:00\"", key));
      return std::nullopt;
    }
    return at;
  }

  /// "08:30" to 510.
  static std::optional<int> clock_text(std::string_view w) {
    const auto digit = [&](std::size_t i) { return w[i] >= '0' && w[i] <= '9'; };
    if (w.size() != 5 || w[2] != ':' || !digit(0) || !digit(1) || !digit(3) ||
        !digit(4)) {
      return std::nullopt;
    }
    const int hour = (w[0] - '0') * 10 + (w[1] - '0');
    const int minute = (w[3] - '0') * 10 + (w[4] - '0');
    return minute > 59 ? std::nullopt : std::optional(hour * 60 + minute);
  }

  std::optional<working_hours> hours(const toml::table& rule) {
    const auto* t = table(rule, "hours");
    if (t == nullptr) {
      return std::nullopt;
    }
    only(*t, {"days", "from", "to", "offset"}, "in \"hours\"");
    static constexpr std::array<std::string_view, 7> names{"sun", "mon", "tue", "wed",
                                                           "thu", "fri", "sat"};
    working_hours out;
    const auto days = list(*t, "days");
    for (const auto& day : days) {
      const auto it = std::find(names.begin(), names.end(), day);
      if (it == names.end()) {
        fail(*t, errc::invalid, "days are mon, tue, wed, thu, fri, sat, sun");
        return std::nullopt;
      }
      out.days[static_cast<std::size_t>(it - names.begin())] = true;
    }
    if (days.empty()) {
      out.days.fill(true);
    }
    out.from = minute_of_day(*t, "from", 0).value_or(0);
    out.to = minute_of_day(*t, "to", 24 * 60).value_or(24 * 60);
    if (out.from >= out.to) {
      fail(*t, errc::invalid, "\"from\" is before \"to\", within one day");
    }
    const auto offset = t->contains("offset") ? text(*t, "offset", true) : "+00:00";
    const auto east = offset.size() == 6 ? clock_text(std::string_view(offset).substr(1))
                                         : std::nullopt;
    if (!east || *east > 14 * 60 || (offset[0] != '+' && offset[0] != '-')) {
      fail(*t, errc::invalid, "\"offset\" is the distance to UTC, like \"-05:00\"");
      return std::nullopt;
    }
    out.offset = offset[0] == '-' ? -*east : *east;
    strings shown;
    for (std::size_t i = 1; i <= 7; ++i) {
      if (out.days[i % 7]) {
        shown.emplace_back(names[i % 7]);
      }
    }
    out.text =
        fmt::format("{} {:02}:{:02}-{:02}:{:02} UTC{}", fmt::join(shown, ","),
                    out.from / 60, out.from % 60, out.to / 60, out.to % 60, offset);
    return out;
  }

  std::string id(const toml::table& t) {
    auto word = text(t, "id", true);
    const bool plain =
        word.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") ==
        std::string::npos;
    within_ = word;
    if (word.empty() || word.size() > limits::id_bytes_max || !plain) {
      fail(t, errc::invalid,
           fmt::format("an id is 1 to {} of a-z, 0-9, \"-\", \"_\", \".\"",
                       limits::id_bytes_max));
    }
    return word;
  }

  void defaults(const toml::table& root, policy_access::compiled& out) {
    const auto* t = table(root, "defaults");
    if (t == nullptr) {
      return;
    }
    only(*t, {"chain", "max_age"}, "in [defaults]");
    out.default_chain = text(*t, "chain", false);
    out.default_chain_line = line_of(*t);
    default_age_ = duration(*t, "max_age");
  }

  chain read_chain(const toml::table& t) {
    chain out;
    out.id = id(t);
    only(t, {"id", "stages", "expires_after", "every_stage", "editor_may_approve"},
         "in a chain");
    if (const auto* node = t.get("every_stage")) {
      const auto flag = node->value_exact<bool>();
      if (!flag) {
        fail(*node, errc::invalid, "\"every_stage\" is true or false");
      }
      out.every_stage = flag.value_or(false);
    }
    const auto expires = duration(t, "expires_after");
    if (!expires) {
      fail(t, errc::invalid, "\"expires_after\" is missing: nothing waits for ever");
    }
    out.expires_after = expires.value_or(std::chrono::seconds{0});
    const auto* stages =
        t.get("stages") != nullptr ? t.get("stages")->as_array() : nullptr;
    if (stages == nullptr || stages->empty() || !stages->is_array_of_tables()) {
      fail(t, errc::invalid, "a chain has stages = [ { roles = [\"...\"] } ]");
      return out;
    }
    if (stages->size() > limits::stages_max) {
      fail(*stages, errc::limit, fmt::format("more than {} stages", limits::stages_max));
    }
    for (const auto& item : *stages) {
      const auto& s = *item.as_table();
      only(s, {"roles", "quorum", "remind_after", "escalate_after"}, "in a stage");
      stage one;
      one.roles = list(s, "roles");
      if (one.roles.empty()) {
        fail(s, errc::invalid, "a stage names the roles that may decide");
      }
      if (const auto* quorum = s.get("quorum")) {
        const auto n = quorum->value_exact<std::int64_t>().value_or(0);
        if (n < 1 || n > limits::quorum_max) {
          fail(*quorum, errc::invalid,
               fmt::format("\"quorum\" is 1 to {}", limits::quorum_max));
        }
        one.quorum = static_cast<int>(n);
      }
      one.remind_after = duration(s, "remind_after").value_or(std::chrono::seconds{0});
      one.escalate_after =
          duration(s, "escalate_after").value_or(std::chrono::seconds{0});
      if (out.every_stage && one.escalate_after.count() > 0) {
        fail(s, errc::invalid,
             "where every stage must agree, silence may not pass one: no "
             "\"escalate_after\"");
      }
      out.stages.push_back(std::move(one));
    }
    out.editor_may_approve = editor(t);
    return out;
  }

  /// Who changed an action and may approve it too: whoever writes this says for whom and
  /// up to how much.
  editor_clause editor(const toml::table& chain_table) {
    editor_clause out;
    const auto* t = table(chain_table, "editor_may_approve");
    if (t == nullptr) {
      return out;
    }
    only(*t, {"roles", "max"}, "in \"editor_may_approve\"");
    out.roles = list(*t, "roles");
    money_ranges most;
    bound(*t, "max", false, false, most);
    for (const auto& [currency, r] : most) {
      if (*r.high < decimal()) {
        fail(*t, errc::invalid, "\"max\" is a negative amount");
      }
      out.most[currency] = *r.high;
    }
    if (out.roles.empty() || out.most.empty()) {
      fail(*t, errc::invalid,
           "\"editor_may_approve\" names roles and a max such as \"250 USD\"");
    }
    return out;
  }

  rule read_rule(const toml::table& t) {
    rule r;
    r.id = id(t);
    r.line = line_of(t);
    only(t,
         {"id",          "effect",   "why",   "agent",   "tool",           "step",
          "flow",        "tenant",   "site",  "amount",  "expected_value", "confidence",
          "labels",      "autonomy", "facts", "max_age", "hours",          "chain",
          "obligations", "expires"},
         "in a rule");
    effect(t, r);
    r.why = text(t, "why", false);
    r.agent = set(t, "agent");
    r.tool = set(t, "tool");
    r.step = set(t, "step");
    r.flow = set(t, "flow");
    r.tenant = set(t, "tenant");
    r.site = set(t, "site");
    if (!t.contains("tool")) {
      fail(t, errc::invalid, "\"tool\" is missing; tool = \"*\" means every tool");
    }
    r.amount = amounts(t, "amount", true);
    r.expected_value = amounts(t, "expected_value", false);
    if (const auto* c = table(t, "confidence")) {
      only(*c, {"min", "max", "below"}, "in \"confidence\"");
      r.confidence_min = permille(*c, "min", 0);
      r.confidence_max = permille(*c, "max", 1000);
      if (c->contains("below")) {
        if (c->contains("max")) {
          fail(*c, errc::invalid, "either \"max\" or \"below\"");
        }
        r.confidence_max = permille(*c, "below", 1000) - 1;
      }
      if (r.confidence_min > r.confidence_max) {
        fail(*c, errc::invalid, "\"min\" is above \"max\" and would never match");
      }
    }
    labels(t, r);
    if (t.contains("autonomy")) {
      r.levels.fill(false);
      for (const auto& word : list(t, "autonomy")) {
        const auto level = autonomy_from(word);
        if (!level) {
          fail(*t.get("autonomy"), errc::invalid, level.error().message());
          break;
        }
        r.levels[static_cast<std::size_t>(*level)] = true;
      }
    }
    r.facts = facts(t);
    r.max_age = duration(t, "max_age");
    if (!r.max_age && r.effect != effect_verdict::deny) {
      r.max_age = default_age_;
    }
    r.hours = hours(t);
    r.obligations = list(t, "obligations", true);
    for (const auto& o : r.obligations) {
      if (o.starts_with("expires=")) {
        fail(t, errc::invalid,
             "the obligation \"expires=\" is written as expires = \"30m\"");
      }
    }
    if (const auto expires = duration(t, "expires")) {
      if (r.effect == effect_verdict::deny) {
        fail(t, errc::invalid, "\"expires\" belongs to allow and ask");
      }
      r.obligations.push_back(expiry_obligation(*expires));
    }
    return r;
  }

  void effect(const toml::table& t, rule& r) {
    const auto word = text(t, "effect", true);
    r.chain = text(t, "chain", false);
    if (word == "ask") {
      r.effect = effect_verdict::ask;
      if (r.chain.empty()) {
        fail(t, errc::invalid, "a rule that asks names its \"chain\"");
      }
      return;
    }
    if (word == "allow") {
      r.effect = effect_verdict::allow;
    } else if (word != "deny") {
      fail(t, errc::invalid, "\"effect\" is \"allow\", \"ask\" or \"deny\"");
    }
    if (!r.chain.empty()) {
      fail(t, errc::invalid, "only a rule that asks has a \"chain\"");
    }
  }

  void labels(const toml::table& rule_table, rule& r) {
    const auto* t = table(rule_table, "labels");
    if (t == nullptr) {
      return;
    }
    only(*t, {"none_of", "any_of", "accept"}, "in \"labels\"");
    r.none_of = list(*t, "none_of");
    r.any_of = list(*t, "any_of");
    for (const auto& word : list(*t, "accept")) {
      if (word != "untrusted") {
        fail(*t, errc::invalid, "the only label a rule may accept is \"untrusted\"");
      }
      r.accepts_untrusted = true;
    }
  }

  /// Ids are unique and every chain that is named exists.
  void names(const toml::table& root, const policy_access::compiled& c) {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < c.chains.size(); ++i) {
      if (!seen.insert(c.chains[i].id).second) {
        fail(c.chain_lines[i], errc::exists,
             "there are two chains \"" + c.chains[i].id + "\"");
      }
    }
    const auto chain_known = [&](const std::string& id) { return seen.contains(id); };
    if (!c.default_chain.empty() && !chain_known(c.default_chain)) {
      fail(*root.get("defaults"), errc::not_found,
           "there is no chain \"" + c.default_chain + "\"");
    }
    std::set<std::string> rules;
    for (const auto& r : c.rules) {
      kind_ = "rule";
      within_ = r.id;
      if (!rules.insert(r.id).second) {
        fail(r.line, errc::exists, "there are two rules \"" + r.id + "\"");
      }
      if (!r.chain.empty() && !chain_known(r.chain)) {
        fail(r.line, errc::not_found, "there is no chain \"" + r.chain + "\"");
      }
    }
  }

  std::string file_;
  std::string kind_ = "rule";
  std::string within_; ///< id of the rule or chain that is read
  std::optional<std::chrono::seconds> default_age_;
  std::optional<error> failure_;
};

void index(policy_access::compiled& c) {
  for (const auto& r : c.rules) {
    for (const auto& tool : r.tool.names) {
      c.by_tool[tool];
    }
  }
  for (std::size_t i = 0; i < c.rules.size(); ++i) {
    if (!c.rules[i].tool.any) {
      for (const auto& tool : c.rules[i].tool.names) {
        c.by_tool[tool].push_back(i);
      }
      continue;
    }
    c.any_tool.push_back(i);
    for (auto& entry : c.by_tool) {
      entry.second.push_back(i);
    }
  }
}

} // namespace

policy policy_access::made(compiled c) {
  c.by_tool.clear();
  c.any_tool.clear();
  index(c);
  return policy(std::make_shared<const compiled>(std::move(c)));
}

result<policy_access::compiled> policy_access::parse(std::string_view text,
                                                     const std::string& file_name) {
  if (text.size() > limits::text_bytes_max) {
    return error(errc::limit,
                 fmt::format("a policy has at most {} bytes", limits::text_bytes_max))
        .at("file", file_name);
  }
  compiled out;
  out.file = file_name;
  out.sha256 = to_hex(sha256_of(text));
  try {
    parser p(file_name);
    p.file(toml::parse(text, file_name), out);
    if (p.failure()) {
      return *std::move(p.failure());
    }
  } catch (const toml::parse_error& e) {
    return error(errc::malformed, "not valid TOML: " + std::string(e.description()))
        .at("file", file_name)
        .at("line", std::to_string(e.source().begin.line));
  }
  index(out);
  return out;
}

} // namespace crossdock::gate
