#include "node/check.hpp"

#include "base/digest.hpp"
#include "sdk/manifest/check.hpp"
#include "trust/trust.hpp"
#include "flow/single_proposal.hpp"

#include <fmt/format.h>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace crossdock::node {
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
  text << in.rdbuf(); // an empty file gives nothing, which is no failure
  if (!in.is_open() || in.bad()) {
    return error(errc::not_found, "this file cannot be read").at("file", file.string());
  }
  return text.str();
}

std::string shown(const json& object, const char* name) {
  const auto* found =
      object.is_object() && object.contains(name) ? &object[name] : nullptr;
  return found == nullptr     ? ""
         : found->is_string() ? found->get<std::string>()
                              : found->dump();
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

  checked run() {
    auto read = read_config(file_);
    if (!read) {
      problem(read.error());
      return std::move(out_);
    }
    out_.source = std::move(*read);
    const auto& source = *out_.source;
    if (auto words = catalogue::load(source.catalogue); words) {
      words_ = *words;
    } else {
      problem(words.error());
    }
    check_plugins(source);
    check_policy(source.policy);
    for (const auto& flow : source.flows) {
      check_flow(flow);
    }
    if (source.principals.empty()) {
      warn(file_.string() +
           ": principal: nobody may use the local socket; add a [[principal]]");
    }
    return std::move(out_);
  }

private:
  void problem(const error& e) {
    out_.problems.push_back(place_and_sentence(e, file_.string()));
  }
  void problem(const std::string& place, const std::string& sentence) {
    out_.problems.push_back(place + ": " + sentence);
  }
  void warn(std::string sentence) { out_.warnings.push_back(std::move(sentence)); }

  // -- plugins
  // -------------------------------------------------------------------------------

  void check_plugins(const config& source) {
    std::set<std::string> names;
    for (const auto& p : source.plugins) {
      auto digest = sha256_of_file(p.file);
      if (!digest) {
        problem(p.place, digest.error().describe());
        continue;
      }
      out_.plugin_sha256.push_back(to_hex(*digest));
      if (source.trusted) {
        check_standing(source, p);
      } else if (!source.allowed.contains(to_hex(*digest))) {
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
        out_.seen.push_back(
            fmt::format("plugin {} {}", shown(*m, "id"), shown(*m, "version")));
      }
    }
  }

  /// As the node will judge the file. What was there before is in a store that only the node's
  /// user and root may read; who may not is told so.
  void check_standing(const config& source, const plugin_config& p) {
    const auto bytes = trust::read_whole_file(p.file, trust::plugin_bytes_max, true);
    const auto signatures = trust::signatures_beside(p.file);
    const auto parsed = manifest::from_plugin(p.file.string());
    const auto* m = std::get_if<json>(&parsed);
    if (!bytes || !signatures || m == nullptr) {
      if (m != nullptr) {
        problem(p.place, !bytes ? bytes.error().describe() : signatures.error().describe());
      }
      return;
    }
    trust::history before;
    if (auto store = trust::store::open(source.data / "plugins", trust::store::use::read);
        store) {
      before = store->before();
    } else {
      warn(p.place + ": versions were not compared with what was here before: " +
           store.error().describe());
    }
    const auto v = trust::judge({p.file.string(), *bytes, *m, *signatures},
                                source.trusted.get(), listed(source), before, system_clock().now());
    for (const auto& why : v.reasons) {
      problem(p.place, p.file.string() + ": " + why);
    }
    for (const auto& note : v.notes) {
      warn(p.place + ": " + note);
    }
    out_.seen.push_back(fmt::format("{}: {}", p.file.filename().string(), v.standing_text()));
  }

  void check_components(const plugin_config& p, const json& m,
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
  void check_words(const plugin_config& p, const std::string& id, const json& entry) {
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
    out_.seen.push_back(
        fmt::format("policy {}, {} rules", policy->name(), policy->rules()));
    for (const auto& f : policy->check()) {
      warn(fmt::format("{}:{}: {}: {}", file.string(), f.line, f.rule, f.message));
    }
    out_.policy = std::move(*policy);
  }

  void check_flow(const fs::path& file) {
    auto text = read_text(file);
    if (!text) {
      problem(text.error());
      return;
    }
    auto compiled = flow::definition::compile(*text, file.string());
    if (!compiled) {
      problem(compiled.error());
      return;
    }
    const auto d = std::make_shared<const flow::definition>(std::move(*compiled));
    if (d->id() == flow::single_proposal_flow) {
      problem(file.string(), "the id single-proposal belongs to the built-in flow of agents' own "
                             "proposals: give the flow another id");
    }
    for (const auto& other : out_.flows) {
      if (other->id() == d->id()) {
        problem(file.string(), "the flow \"" + d->id() +
                                   "\" is configured twice: of two versions the newer "
                                   "one is enough, open cases keep theirs");
      }
    }
    out_.flows.push_back(d);
    out_.seen.push_back("flow " + d->name());
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
          flow_word(file, at + ".compensate", propose->compensate->tool, entry_kind::tool);
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
  checked out_;
  std::shared_ptr<const catalogue> words_;
  std::map<std::string, std::string> provided_; ///< question or tool -> component
};

} // namespace

checked check_file(const fs::path& file) {
  return checker(file).run();
}

result<std::string> sha256_of_folder(const fs::path& folder) {
  std::error_code failure;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    if (entry.is_regular_file(failure)) {
      files.push_back(entry.path());
    }
  }
  if (failure) {
    return error(errc::not_found, "the folder cannot be read: " + failure.message())
        .at("folder", folder.string());
  }
  std::sort(files.begin(), files.end());
  std::string all;
  for (const auto& file : files) {
    auto digest = sha256_of_file(file);
    if (!digest) {
      return std::move(digest).error();
    }
    all += to_hex(*digest) + " " + file.filename().string() + "\n";
  }
  return to_hex(sha256_of(all));
}

} // namespace crossdock::node
