/// From TOML to a definition. Each section is read by name, and what nobody read is an
/// error.
#include "flow/single_proposal.hpp"
#include "flow/definition.hpp"
#include "flow/source_file.hpp"

#include <algorithm>

namespace crossdock::flow {
namespace {

/// One table being read. Remembers which keys were asked for and the first thing wrong,
/// so that the compiler reads straight through and looks once at the end.
class section {
public:
  section(const source_file& source, const json& table, std::string pointer)
      : source_(source), table_(table), pointer_(std::move(pointer)) {
    if (!table_.is_object()) {
      wrong("", "a table is needed here");
    }
  }

  std::string at(std::string_view key) const {
    return pointer_ + "/" + pointer_token(key);
  }
  bool has(const char* key) const { return table_.is_object() && table_.contains(key); }

  /// Null if it is absent; that is an error only if it is required.
  const json& any(const char* key, bool required) {
    static const json nothing;
    used_.insert(key);
    if (has(key)) {
      return table_[key];
    }
    if (required) {
      wrong("", std::string("the key \"") + key + "\" is missing");
    }
    return nothing;
  }

  std::string text(const char* key, bool required, std::string otherwise = "") {
    const json& v = any(key, required);
    if (v.is_null()) {
      return otherwise;
    }
    if (!v.is_string() || v.get_ref<const std::string&>().empty()) {
      wrong(key, "a text is needed here, not empty");
      return otherwise;
    }
    return v.get<std::string>();
  }

  /// A name: lower case letters, digits, '.', '-' and '_'.
  std::string name(const char* key, bool required, std::string otherwise = "") {
    auto out = text(key, required, std::move(otherwise));
    if (out.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") !=
            std::string::npos ||
        out.size() > 96) {
      wrong(key, "a name has lower case letters, digits, '.', '-' and '_', at most 96");
    }
    return out;
  }

  bool flag(const char* key) {
    const json& v = any(key, false);
    if (!v.is_null() && !v.is_boolean()) {
      wrong(key, "true or false");
    }
    return v.is_boolean() && v.get<bool>();
  }

  std::int64_t integer(const char* key, std::int64_t low, std::int64_t high,
                       std::optional<std::int64_t> otherwise = {}) {
    const json& v = any(key, !otherwise);
    if (v.is_null()) {
      return otherwise.value_or(low);
    }
    if (!v.is_number_integer() || v.get<std::int64_t>() < low ||
        v.get<std::int64_t>() > high) {
      wrong(key,
            "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
      return low;
    }
    return v.get<std::int64_t>();
  }

  decimal number(const char* key, decimal low, decimal high, bool required) {
    const json& v = any(key, required);
    if (v.is_null()) {
      return low;
    }
    const auto d = decimal_of(v);
    if (!d || *d < low || *d > high) {
      wrong(key, "a number from " + low.str() + " to " + high.str() + ", as text");
      return low;
    }
    return *d;
  }

  std::chrono::milliseconds duration(const char* key, bool required) {
    const auto written = text(key, required);
    if (written.empty()) {
      return {};
    }
    auto span = parse_duration(written);
    if (!span) {
      wrong(key, span.error().message());
      return {};
    }
    return *span;
  }

  std::set<std::string> names(const char* key, bool required) {
    std::set<std::string> out;
    const json& v = any(key, required);
    if (v.is_null()) {
      return out;
    }
    for (const auto& item : v.is_array() ? v : json::array({nullptr})) {
      if (!item.is_string()) {
        wrong(key, "a list of texts is needed here");
        break;
      }
      out.insert(item.get<std::string>());
    }
    return out;
  }

  json value_template(const char* key, const known_names& known, bool required) {
    const json& v = any(key, required);
    if (auto r = check_template(v, known); !r) {
      wrong_inside(key, r.error());
    }
    return v;
  }

  std::string text_template(const char* key, const known_names& known, bool required) {
    auto out = text(key, required);
    if (auto r = check_text(out, &known); !r) {
      wrong(key, r.error().message());
    }
    return out;
  }

  std::optional<condition> when(const char* key, const known_names& known) {
    const json& v = any(key, false);
    if (v.is_null()) {
      return std::nullopt;
    }
    auto c = condition::compile(v, &known);
    if (!c) {
      wrong_inside(key, c.error());
      return std::nullopt;
    }
    return std::move(*c);
  }

  void wrong(std::string_view key, std::string message) {
    if (!failure_) {
      failure_ = source_.wrong(key.empty() ? pointer_ : at(key), std::move(message));
    }
  }

  void adopt(const std::optional<error>& inner) {
    if (!failure_) {
      failure_ = inner;
    }
  }

  /// The first error, or that of a key nobody asked for.
  const std::optional<error>& finish(const char* kind) {
    if (!failure_ && table_.is_object()) {
      for (const auto& [key, value] : table_.items()) {
        if (!used_.contains(key)) {
          wrong(key, "unknown key: " + std::string(kind) + " has no \"" + key + "\"");
        }
      }
    }
    return failure_;
  }
  const std::optional<error>& failure() const { return failure_; }

private:
  void wrong_inside(std::string_view key, const error& inner) {
    std::string deeper;
    for (const auto& [name, value] : inner.context()) {
      if (name == "pointer") {
        deeper = value;
      }
    }
    if (!failure_) {
      failure_ = source_.wrong(at(key) + deeper, inner.message());
    }
  }

  const source_file& source_;
  const json& table_;
  std::string pointer_;
  std::set<std::string, std::less<>> used_;
  std::optional<error> failure_;
};

const std::set<std::string, std::less<>> propose_outcomes{
    "executed", "denied", "rejected", "expired", "failed", "superseded", "withdrawn"};
const std::set<std::string, std::less<>> rank_outcomes{"none"};

} // namespace

class compiler {
public:
  explicit compiler(source_file source) : source_(std::move(source)) {}

  result<definition> run(std::string_view text) {
    out_.source_ = text;
    section top(source_, source_.root, "");
    read_head(top);
    read_steps(top);
    if (auto failure = top.finish("a flow file")) {
      return *failure;
    }
    return std::move(out_);
  }

private:
  void read_head(section& top) {
    section flow(source_, top.any("flow", true), "/flow");
    if (top.failure()) {
      return;
    }
    out_.id_ = flow.name("id", true);
    out_.version_ = static_cast<int>(flow.integer("version", 1, 1'000'000));
    out_.description_ = flow.text("description", true);
    out_.case_key_ = key_text(flow, "case_key", true);
    out_.deadline_ = flow.duration("deadline", false);

    if (flow.has("stuck")) {
      section stuck(source_, flow.any("stuck", false), "/flow/stuck");
      out_.stuck_ = stuck_clause{stuck.text("role", false), stuck.text("person", false)};
      if (out_.stuck_->role.empty() == out_.stuck_->person.empty()) {
        stuck.wrong("", "either a role or a person");
      }
      flow.adopt(stuck.finish("flow.stuck"));
    }
    section trigger(source_, flow.any("trigger", true), "/flow/trigger");
    if (!flow.failure()) {
      out_.trigger_topic_ = trigger.name("topic", true);
      out_.trigger_when_ = trigger.when("when", {});
      flow.adopt(trigger.finish("flow.trigger"));
    }
    if (flow.has("settle")) {
      section settle(source_, flow.any("settle", false), "/flow/settle");
      out_.settle_topic_ = settle.name("topic", true);
      out_.settle_key_ = key_text(settle, "case_key", false);
      out_.settle_outcome_ = settle.name("outcome", false, "settled");
      if (out_.settle_key_.empty()) {
        out_.settle_key_ = out_.case_key_;
      }
      flow.adopt(settle.finish("flow.settle"));
    }
    top.adopt(flow.finish("flow"));
  }

  static std::string key_text(section& s, const char* key, bool required) {
    auto out = s.text(key, required);
    if (!out.empty() && !check_text(out, nullptr)) {
      s.wrong(key, "a key is a text with {member} of the payload");
    }
    return out;
  }

  void read_steps(section& top) {
    const json& list = top.any("step", true);
    if (top.failure()) {
      return;
    }
    if (!list.is_array() || list.empty() || list.size() > steps_max) {
      top.wrong("step",
                "a flow has 1 to " + std::to_string(steps_max) + " [[step]] tables");
      return;
    }
    for (std::size_t i = 0; i < list.size() && !top.failure(); ++i) {
      section s(source_, list[i], "/step/" + std::to_string(i));
      read_step(s);
      top.adopt(s.finish("this kind of step"));
    }
    check_groups(top);
    check_targets(top);
  }

  void read_step(section& s) {
    step out;
    out.name = s.name("name", true);
    if (known_.steps.contains(out.name)) {
      s.wrong("name", "there is a step \"" + out.name + "\" already");
    }
    if (out.name.find('.') != std::string::npos) {
      s.wrong("name", "a step's name has no '.'");
    }
    const auto kind = s.text("kind", true);
    out.when = s.when("when", known_);
    if (kind == "ask") {
      out.what = read_ask(s);
    } else if (kind == "rank") {
      out.what = read_rank(s);
      read_on(s, out, rank_outcomes);
    } else if (kind == "propose") {
      out.what = read_propose(s, out.name);
      read_on(s, out, propose_outcomes);
    } else if (kind == "submit") {
      out.what = read_submit(s);
      read_on(s, out, propose_outcomes);
    } else if (kind == "close") {
      out.what = close_step{s.name("outcome", true), s.flag("compensate")};
    } else {
      s.wrong("kind", "a step is one of ask, rank, propose, submit, close");
    }
    known_.steps.insert(out.name);
    out_.steps_.push_back(std::move(out));
  }

  ask_step read_ask(section& s) {
    ask_step a;
    a.question = s.name("question", true);
    a.payload = s.value_template("payload", known_, true);
    a.timeout = s.duration("timeout", true);
    a.group = s.name("group", false);
    if (!s.has("fallback")) {
      s.wrong("",
              "the key \"fallback\" is missing: an answer to go on with if none comes in "
              "time, or \"fail\"");
    }
    auto fallback = s.value_template("fallback", known_, true);
    if (fallback.is_object()) {
      a.fallback = std::move(fallback);
    } else if (fallback != "fail") {
      s.wrong("fallback", "a table with an answer, or \"fail\"");
    }
    return a;
  }

  rank_step read_rank(section& s) {
    const auto one = decimal::from_units(1);
    rank_step r;
    r.options = s.value_template("options", known_, true);
    r.loss = s.value_template("loss", known_, true);
    r.probability_lost = s.value_template("probability_lost", known_, true);
    r.needed = s.value_template("needed", known_, false);
    r.baseline = s.names("baseline", false);
    r.floor = s.number("floor", {}, decimal::from_units(1'000'000'000), true);
    r.alternatives = static_cast<std::size_t>(s.integer("alternatives", 0, 3, 3));
    if (s.has("feasibility")) {
      section f(source_, s.any("feasibility", false), s.at("feasibility"));
      rank_step::feasibility pick;
      pick.answers = f.value_template("answers", known_, true);
      pick.unknown = f.number("unknown", {}, one, true);
      pick.kinds = f.names("kinds", true);
      s.adopt(f.finish("feasibility"));
      r.pick = std::move(pick);
    }
    return r;
  }

  propose_step read_propose(section& s, const std::string& name) {
    propose_step p;
    p.tool = s.name("tool", true);
    p.args = s.value_template("args", known_, true);
    p.site = s.value_template("site", known_, false);
    p.amount = read_amount(s, known_);
    p.confidence = s.value_template("confidence", known_, true);
    p.expected_value = s.value_template("expected_value", known_, false);
    p.basis = s.value_template("basis", known_, false);
    p.alternatives = s.value_template("alternatives", known_, false);
    const json& facts = s.any("facts", true);
    if (!facts.is_null() && !facts.is_array()) {
      s.wrong("facts", "a list of paths to lists of facts");
    }
    s.value_template("facts", known_, true);
    if (facts.is_array()) {
      p.facts.assign(facts.begin(), facts.end());
    }
    p.object_key = s.text_template("object_key", known_, true);
    p.summary = s.text_template("summary", known_, true);
    p.rationale = read_rationale(s);
    p.if_nothing_is_done = s.text_template("if_nothing_is_done", known_, true);
    p.reversal = s.name("reversal", true);
    p.by = s.name("by", true);
    if (const auto i = out_.index_of(p.by);
        !p.by.empty() &&
        (!i || !std::holds_alternative<ask_step>(out_.steps_[*i].what))) {
      s.wrong("by", "\"" + p.by +
                        "\" is no earlier ask: it names the step whose answering "
                        "component reasoned");
    }
    p.expires = s.duration("expires", true);
    if (s.has("edit")) {
      p.edit = read_edit(s);
    }
    if (s.has("compensate")) {
      p.compensate = read_undo(s, p, name);
    }
    return p;
  }

  /// An agent's own proposal, as it came.
  propose_step read_submit(section& s) {
    propose_step p;
    p.submitted = true;
    p.expires = s.duration("expires", true);
    if (out_.trigger_topic_ != proposal_topic) {
      s.wrong("kind", "only a flow whose trigger is crossdock.proposal, an agent's own "
                      "proposal, has something to submit");
    }
    return p;
  }

  edit_clause read_edit(section& s) {
    section t(source_, s.any("edit", false), s.at("edit"));
    auto known = known_;
    known.roots.insert("args");
    edit_clause e;
    e.args = t.names("args", true);
    if (t.has("args") && e.args.empty()) {
      t.wrong("args", "the names of the arguments that a person may change");
    }
    // Without it an edit could keep an amount that is too small for what it has become.
    e.amount = read_amount(t, known);
    e.summary = t.text_template("summary", known, true);
    s.adopt(t.finish("edit"));
    return e;
  }

  undo_clause read_undo(section& s, const propose_step& p, const std::string& name) {
    section t(source_, s.any("compensate", false), s.at("compensate"));
    auto known = known_;
    known.steps.insert(name);
    undo_clause u;
    u.tool = t.name("tool", false, p.reversal);
    if (u.tool == "none") {
      t.wrong("", "reversal says that nothing undoes this step: name a tool");
    }
    u.args = t.value_template("args", known, true);
    if (!u.args.is_object()) {
      t.wrong("args", "the arguments of a tool are a table");
    }
    u.summary = t.text_template("summary", known, false);
    u.expires = t.duration("expires", false);
    if (u.expires.count() == 0) {
      u.expires = p.expires;
    }
    known.roots.insert("because");
    u.when = t.when("when", known);
    if (!out_.stuck_) {
      t.wrong("",
              "[flow.stuck] must name the role or person who takes care of a case whose "
              "effects cannot be undone");
    }
    s.adopt(t.finish("compensate"));
    return u;
  }

  static json read_amount(section& s, const known_names& known) {
    auto amount = s.value_template("amount", known, true);
    if (amount.is_object() && amount.contains("price") != amount.contains("quantity")) {
      s.wrong("amount", "price and quantity go together");
    }
    return amount;
  }

  std::vector<sentence> read_rationale(section& s) {
    std::vector<sentence> out;
    const json& list = s.any("rationale", true);
    if (!list.is_array()) {
      s.wrong("rationale", "a list of sentences");
      return out;
    }
    for (std::size_t i = 0; i < list.size(); ++i) {
      const json table = list[i].is_string() ? json{{"text", list[i]}} : list[i];
      section item(source_, table, s.at("rationale") + "/" + std::to_string(i));
      sentence one;
      one.text = item.text_template("text", known_, true);
      one.when = item.when("when", known_);
      s.adopt(item.finish("a sentence"));
      out.push_back(std::move(one));
    }
    return out;
  }

  void read_on(section& s, step& out,
               const std::set<std::string, std::less<>>& outcomes) {
    const json& on = s.any("on", false);
    if (on.is_null()) {
      return;
    }
    if (!on.is_object()) {
      s.wrong("on", "a table of outcome = where to go");
      return;
    }
    for (const auto& [outcome, where] : on.items()) {
      const std::string pointer = s.at("on") + "/" + pointer_token(outcome);
      if (!outcomes.contains(outcome)) {
        std::string all;
        for (const auto& o : outcomes) {
          all += (all.empty() ? "" : ", ") + o;
        }
        s.adopt(source_.wrong(pointer, "unknown outcome: this step ends as " + all));
        return;
      }
      target t;
      if (where != "next") {
        section w(source_, where, pointer);
        if (where.is_object()) {
          read_target(w, t);
          s.adopt(w.finish("where to go"));
        } else {
          s.adopt(source_.wrong(pointer,
                                "\"next\", {close = ...}, {go = ...} or "
                                "{retry_from = ..., at_most = ..., otherwise = ...}"));
        }
      }
      out.on.emplace(outcome, std::move(t));
    }
  }

  static void read_target(section& w, target& t) {
    if (w.has("close")) {
      t.what = target::kind::close;
      t.outcome = w.name("close", true);
    } else if (w.has("go")) {
      t.what = target::kind::go;
      t.step = w.name("go", true);
    } else {
      t.what = target::kind::retry;
      t.step = w.name("retry_from", true);
      t.at_most = static_cast<int>(w.integer("at_most", 1, retries_max));
      t.outcome = w.name("otherwise", true);
    }
  }

  void check_groups(section& top) const {
    std::set<std::string> left;
    std::string current;
    for (std::size_t i = 0; i < out_.steps_.size(); ++i) {
      const auto* a = std::get_if<ask_step>(&out_.steps_[i].what);
      const std::string group = a ? a->group : "";
      if (group != current) {
        left.insert(current);
        if (!group.empty() && left.contains(group)) {
          top.adopt(source_.wrong("/step/" + std::to_string(i) + "/group",
                                  "the steps of the group \"" + group +
                                      "\" must follow each other"));
        }
        current = group;
      }
      if (a && !group.empty()) {
        check_independent(top, i, group);
      }
    }
  }

  /// Steps asked at the same time cannot use each other's answers.
  void check_independent(section& top, std::size_t i, const std::string& group) const {
    const auto& a = std::get<ask_step>(out_.steps_[i].what);
    const auto written =
        a.payload.dump() + source_.root["step"][i].value("when", json()).dump();
    for (std::size_t j = 0; j < i; ++j) {
      const auto* b = std::get_if<ask_step>(&out_.steps_[j].what);
      const auto path = "/steps/" + out_.steps_[j].name;
      if (b && b->group == group &&
          (written.find(path + "/") != std::string::npos ||
           written.find(path + "\"") != std::string::npos)) {
        top.adopt(source_.wrong("/step/" + std::to_string(i),
                                "it is asked together with \"" + out_.steps_[j].name +
                                    "\" and cannot use its answer"));
      }
    }
  }

  void check_targets(section& top) const {
    for (std::size_t i = 0; i < out_.steps_.size(); ++i) {
      for (const auto& [outcome, t] : out_.steps_[i].on) {
        if (t.what != target::kind::go && t.what != target::kind::retry) {
          continue;
        }
        const auto j = out_.index_of(t.step);
        const bool go = t.what == target::kind::go;
        if (!j || (go ? *j <= i : *j >= i)) {
          top.adopt(source_.wrong("/step/" + std::to_string(i) + "/on/" + outcome,
                                  "\"" + t.step + "\" is no " +
                                      (go ? "later" : "earlier") + " step"));
        }
      }
    }
  }

  source_file source_;
  definition out_;
  known_names known_;
};

result<definition> definition::compile(std::string_view text, std::string file) {
  auto source = read_toml(text, std::move(file));
  if (!source) {
    return std::move(source).error();
  }
  return compiler(std::move(*source)).run(text);
}

} // namespace crossdock::flow
