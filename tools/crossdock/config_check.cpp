#include "base/catalogue.hpp"
#include "base/digest.hpp"
#include "crossdock/commands.hpp"
#include "crossdock/facts.hpp"
#include "flow/definition.hpp"
#include "gate/gate.hpp"
#include "node/config.hpp"
#include "sdk/manifest/check.hpp"

#include <fmt/format.h>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace crossdock::cli {
namespace {

namespace fs = std::filesystem;

/// "node.toml:12: field: sentence". Context that has no place in it follows in brackets.
std::string place_and_sentence(const error& e, const std::string& fallback_file) {
  std::string file = fallback_file;
  std::string line;
  std::string field;
  error rest(e.code(), e.message());
  for (const auto& [name, value] : e.context()) {
    if (name == "file") {
      file = value;
    } else if (name == "line") {
      line = value;
    } else if (name == "field") {
      field = value;
    } else {
      rest.at(name, value);
    }
  }
  return file + (line.empty() ? "" : ":" + line) + ": " +
         (field.empty() ? "" : field + ": ") + rest.describe();
}

result<std::string> read_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    return error(errc::not_found, "this file cannot be read").at("file", file.string());
  }
  return text.str();
}

/// What is wrong with a component's configuration by the schema in its manifest.
std::vector<std::string> config_problems(const json& schema_json, const json& config) {
  valijson::Schema schema;
  try {
    valijson::SchemaParser parser;
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_json), schema);
  } catch (const std::exception& e) {
    return {std::string("the manifest's config schema: ") + e.what()};
  }
  valijson::Validator validator;
  valijson::ValidationResults findings;
  if (validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(config),
                         &findings)) {
    return {};
  }
  std::vector<std::string> out;
  valijson::ValidationResults::Error finding;
  while (findings.popError(finding)) {
    std::string at;
    for (const auto& part : finding.context) {
      at += part;
    }
    out.push_back((at.empty() ? "" : at + ": ") + finding.description);
  }
  return out;
}

class checker {
public:
  explicit checker(fs::path file) : file_(std::move(file)) {}

  void run() {
    auto config = node::read_config(file_);
    if (!config) {
      problem(config.error());
      return;
    }
    if (auto words = catalogue::load(config->catalogue); words) {
      words_ = *words;
    } else {
      problem(words.error());
    }
    check_plugins(*config);
    check_policy(config->policy);
    for (const auto& flow : config->flows) {
      check_flow(flow);
    }
    if (config->principals.empty()) {
      warn(file_.string() +
           ": principal: nobody may use the local socket; add a [[principal]]");
    }
  }

  const std::vector<std::string>& problems() const { return problems_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  const std::vector<std::string>& seen() const { return seen_; }

private:
  void problem(const error& e) {
    problems_.push_back(place_and_sentence(e, file_.string()));
  }
  void problem(const std::string& place, const std::string& sentence) {
    problems_.push_back(place + ": " + sentence);
  }
  void warn(std::string sentence) { warnings_.push_back(std::move(sentence)); }

  // -- plugins
  // -------------------------------------------------------------------------------

  void check_plugins(const node::config& config) {
    std::set<std::string> names;
    for (const auto& p : config.plugins) {
      auto digest = sha256_of_file(p.file);
      if (!digest) {
        problem(p.place, digest.error().describe());
        continue;
      }
      if (!config.allowed.contains(to_hex(*digest))) {
        problem(p.place, p.file.string() +
                             " is not in the list of allowed files; if you trust "
                             "it, write the list anew with `crossdock plugin lock`");
      }
      if (const auto wrong = manifest::check_plugin(p.file.string()); !wrong.empty()) {
        for (const auto& sentence : wrong) {
          problem(p.place, sentence);
        }
        continue;
      }
      const auto parsed = manifest::from_plugin(p.file.string());
      if (const auto* m = std::get_if<json>(&parsed)) {
        check_components(p, *m, names);
        seen_.push_back(
            fmt::format("plugin {} {}", shown(*m, "id"), shown(*m, "version")));
      }
    }
  }

  void check_components(const node::plugin_config& p, const json& m,
                        std::set<std::string>& names) {
    auto wanted = p.components;
    const auto offered = m.value("components", json::array());
    if (wanted.empty()) {
      for (const auto& one : offered) {
        wanted.push_back({shown(one, "id"), json::object()});
      }
    }
    for (const auto& one : wanted) {
      if (!names.insert(one.id).second) {
        problem(p.place, "the component \"" + one.id + "\" is configured twice");
      }
      const json* entry = nullptr;
      for (const auto& c : offered) {
        if (shown(c, "id") == one.id) {
          entry = &c;
        }
      }
      if (entry == nullptr) {
        problem(p.place, shown(m, "id") + " has no component \"" + one.id + "\"");
        continue;
      }
      check_words(p, one.id, *entry);
      if (const auto schema = entry->find("config");
          schema != entry->end() && schema->is_object()) {
        for (const auto& sentence : config_problems(*schema, one.config)) {
          problem(p.place, "component " + one.id + ": configuration: " + sentence);
        }
      }
    }
  }

  /// The manifest's words are the catalogue's; who answers and offers what is remembered.
  void check_words(const node::plugin_config& p, const std::string& id,
                   const json& entry) {
    struct list {
      const char* name;
      const char* member;
      entry_kind kind;
    };
    for (const auto& l : {list{"consumes", "topic", entry_kind::topic},
                          {"produces", "topic", entry_kind::topic},
                          {"answers", "question", entry_kind::question},
                          {"asks", "question", entry_kind::question},
                          {"calls", "tool", entry_kind::tool},
                          {"proposes", "tool", entry_kind::tool},
                          {"offers", "tool", entry_kind::tool}}) {
      for (const auto& item : entry.value(l.name, json::array())) {
        const auto word =
            item.is_string() ? item.get<std::string>() : shown(item, l.member);
        const auto* known = words_ ? words_->find(word) : nullptr;
        if (words_ && (known == nullptr || known->kind != l.kind)) {
          problem(p.place, fmt::format("component {}: {}: the catalogue has no {} \"{}\"",
                                       id, l.name, l.member, word));
        }
        if (std::string_view(l.name) == "answers" ||
            std::string_view(l.name) == "offers") {
          const auto [it, fresh] = provided_.emplace(word, id);
          if (!fresh && it->second != id) {
            problem(p.place,
                    fmt::format("both {} and {} provide {}: configure one of them",
                                it->second, id, word));
          }
        }
      }
    }
  }

  // -- policy and flows
  // ----------------------------------------------------------------------

  void check_policy(const fs::path& file) {
    auto text = read_text(file);
    if (!text) {
      problem(text.error());
      return;
    }
    auto policy = gate::policy::compile(*text, file.string());
    if (!policy) {
      problem(policy.error());
      return;
    }
    seen_.push_back(fmt::format("policy {}, {} rules", policy->name(), policy->rules()));
    for (const auto& f : policy->check()) {
      warn(fmt::format("{}:{}: {}: {}", file.string(), f.line, f.rule, f.message));
    }
  }

  void check_flow(const fs::path& file) {
    auto text = read_text(file);
    if (!text) {
      problem(text.error());
      return;
    }
    auto d = flow::definition::compile(*text, file.string());
    if (!d) {
      problem(d.error());
      return;
    }
    seen_.push_back("flow " + d->name());
    flow_word(file, "flow.trigger.topic", d->trigger_topic(), entry_kind::topic);
    if (!d->settle_topic().empty()) {
      flow_word(file, "flow.settle.topic", d->settle_topic(), entry_kind::topic);
    }
    for (const auto& step : d->steps()) {
      const auto at = "step " + step.name;
      if (const auto* ask = std::get_if<flow::ask_step>(&step.what)) {
        flow_word(file, at, ask->question, entry_kind::question);
      } else if (const auto* propose = std::get_if<flow::propose_step>(&step.what);
                 propose != nullptr && !propose->submitted) {
        flow_word(file, at, propose->tool, entry_kind::tool);
        if (propose->compensate) {
          flow_word(file, at + ".compensate", propose->compensate->tool,
                    entry_kind::tool);
        }
      }
    }
  }

  void flow_word(const fs::path& file, const std::string& at, const std::string& word,
                 entry_kind kind) {
    const auto* known = words_ ? words_->find(word) : nullptr;
    if (words_ && (known == nullptr || known->kind != kind)) {
      problem(file.string(), at + ": the catalogue does not have \"" + word + "\" here");
    } else if (known != nullptr && kind == entry_kind::tool && !known->write) {
      problem(file.string(), at + ": " + word + " only reads; a write tool is proposed");
    } else if (kind != entry_kind::topic && !provided_.contains(word)) {
      warn(file.string() + ": " + at + ": no configured component provides " + word);
    }
  }

  fs::path file_;
  std::shared_ptr<const catalogue> words_;
  std::map<std::string, std::string> provided_; ///< question or tool -> component
  std::vector<std::string> problems_;
  std::vector<std::string> warnings_;
  std::vector<std::string> seen_;
};

} // namespace

ending config_check(session& s, const fs::path& file) {
  checker c(file);
  c.run();
  const auto code = c.problems().empty() ? exit_code::ok : exit_code::bad_input;
  if (s.told_program({{"good", c.problems().empty()},
                      {"problems", c.problems()},
                      {"warnings", c.warnings()},
                      {"checked", c.seen()}})) {
    return code;
  }
  for (const auto& p : c.problems()) {
    s.around().err << clean(p) << '\n';
  }
  for (const auto& w : c.warnings()) {
    s.around().err << "warning: " << clean(w) << '\n';
  }
  for (const auto& what : c.seen()) {
    s.paper().line("checked " + what);
  }
  if (c.problems().empty()) {
    s.paper().paragraph(file.string() + ": everything checks", 0, 0, colour::good);
  } else {
    s.around().err << fmt::format(
        "crossdock: {}: {} to mend before a node can start\n", clean(file.string()),
        c.problems().size() == 1 ? "one problem"
                                 : fmt::format("{} problems", c.problems().size()));
  }
  return code;
}

} // namespace crossdock::cli
