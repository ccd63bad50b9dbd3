#include "base/catalogue.hpp"

#include "base/quick_schema.hpp"

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace crossdock {

namespace {

struct schema {
  std::shared_ptr<valijson::Schema> full = std::make_shared<valijson::Schema>();
  std::optional<quick_schema> quick; ///< says yes for what is plainly fine
};

} // namespace

struct catalogue::compiled {
  catalogue_entry entry;
  json source;
  schema payload;
  std::optional<schema> answer;
};

namespace {

result<json> read_file(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) {
    return error(errc::io, "cannot read the catalogue file").at("file", file.string());
  }
  std::ostringstream text;
  text << in.rdbuf();
  auto parsed = parse_json(text.str());
  if (!parsed) {
    return std::move(parsed).error().at("file", file.string());
  }
  return parsed;
}

/// One sentence from valijson's findings: the deepest one is the most precise.
std::string explain(valijson::ValidationResults& findings, std::string& pointer) {
  valijson::ValidationResults::Error finding;
  std::string text = "does not match the schema";
  while (findings.popError(finding)) {
    std::string at;
    for (const auto& part : finding.context) {
      at += part;
    }
    if (at.size() >= pointer.size()) {
      pointer = at;
      text = finding.description;
    }
  }
  return text;
}

result<void> run(const schema& s, const json& value, std::string_view name, const char* what) {
  if (s.quick && s.quick->accepts(value)) {
    return {};
  }
  valijson::Validator validator;
  const valijson::adapters::NlohmannJsonAdapter target(value);
  valijson::ValidationResults findings;
  if (validator.validate(*s.full, target, &findings)) {
    return {};
  }
  std::string pointer;
  const std::string text = explain(findings, pointer);
  return error(errc::schema, std::string(what) + " of " + std::string(name) +
                               " does not match its schema: " + text)
    .at("field", pointer);
}

} // namespace

catalogue::catalogue() = default;
catalogue::~catalogue() = default;

result<std::shared_ptr<const catalogue>>
catalogue::load(const std::filesystem::path& folder) {
  std::error_code failure;
  std::vector<std::filesystem::path> files;
  for (const auto& item : std::filesystem::directory_iterator(folder, failure)) {
    if (item.path().extension() == ".json") {
      files.push_back(item.path());
    }
  }
  if (failure || files.empty()) {
    return error(errc::not_found, "the catalogue folder is missing or has no *.json file")
      .at("folder", folder.string());
  }
  std::sort(files.begin(), files.end());

  std::shared_ptr<catalogue> out(new catalogue);
  if (std::filesystem::exists(folder / "definitions.json")) {
    auto document = read_file(folder / "definitions.json");
    if (!document) {
      return std::move(document).error();
    }
    out->definitions_ = document->value("definitions", json::object());
  }
  for (const auto& file : files) {
    if (file.filename() == "definitions.json") {
      continue;
    }
    auto document = read_file(file);
    if (!document) {
      return std::move(document).error();
    }
    if (auto r = out->add(*std::move(document), file.string()); !r) {
      return std::move(r).error();
    }
  }
  return std::shared_ptr<const catalogue>(std::move(out));
}

result<std::shared_ptr<const catalogue>> catalogue::from_excerpt(const json& excerpt) {
  std::shared_ptr<catalogue> out(new catalogue);
  out->definitions_ = excerpt.value("definitions", json::object());
  for (const auto& document : excerpt.value("entries", json::array())) {
    if (auto r = out->add(document, text_or(document, "name")); !r) {
      return std::move(r).error();
    }
  }
  return std::shared_ptr<const catalogue>(std::move(out));
}

json catalogue::excerpt(const std::set<std::string>& names) const {
  json list = json::array();
  for (const auto& name : names) {
    if (const auto it = entries_.find(name); it != entries_.end()) {
      list.push_back(it->second->source);
    }
  }
  return {{"definitions", definitions_}, {"entries", std::move(list)}};
}

result<void> catalogue::add(json document, const std::string& place) {
  const auto fail = [&](const char* field, const char* why) {
    return error(errc::schema, why).at("file", place).at("field", field);
  };
  auto item = std::make_unique<compiled>();
  auto& entry = item->entry;
  entry.name = text_or(document, "name");
  entry.description = text_or(document, "description");
  entry.version = document.value("version", 1);
  entry.key = text_or(document, "key");
  entry.reversal = text_or(document, "reversal", "none");
  const auto kind = text_or(document, "kind");
  if (kind == "topic") {
    entry.kind = entry_kind::topic;
  } else if (kind == "question") {
    entry.kind = entry_kind::question;
  } else if (kind == "tool") {
    entry.kind = entry_kind::tool;
  } else {
    return fail("kind", "a catalogue entry is a topic, a question or a tool");
  }
  if (entry.name.empty()) {
    return fail("name", "a catalogue entry needs a name");
  }
  if (entry.kind == entry_kind::tool) {
    const auto access = text_or(document, "access");
    if (access != "read" && access != "write") {
      return fail("access", "a tool reads or writes");
    }
    entry.write = access == "write";
  }
  if (const auto it = document.find("untrusted"); it != document.end()) {
    for (const auto& pointer : *it) {
      entry.untrusted.push_back(pointer.get<std::string>());
    }
  }
  const auto compile = [&](const char* name, schema& into) -> result<void> {
    const auto it = document.find(name);
    if (it == document.end() || !it->is_object()) {
      return fail(name, "a JSON Schema is missing");
    }
    json source = *it;
    source["definitions"] = definitions_;
    try {
      valijson::SchemaParser parser;
      parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(source), *into.full);
      into.quick = quick_schema::compile(*it, definitions_);
    } catch (const std::exception& e) {
      return fail(name, e.what());
    }
    return {};
  };
  if (auto r = compile("schema", item->payload); !r) {
    return r;
  }
  if (entry.kind != entry_kind::topic) {
    item->answer.emplace();
    if (auto r = compile("answer", *item->answer); !r) {
      return r;
    }
  }
  const auto name = entry.name;
  item->source = std::move(document);
  if (!entries_.emplace(name, std::move(item)).second) {
    return fail("name", "this name occurs twice in the catalogue");
  }
  return {};
}

std::string apply_key(const std::string& key_template, const json& payload) {
  std::string out;
  std::size_t at = 0;
  while (at < key_template.size()) {
    const auto open = key_template.find('{', at);
    const auto close = open == std::string::npos ? open : key_template.find('}', open);
    if (close == std::string::npos) {
      out += key_template.substr(at);
      break;
    }
    out += key_template.substr(at, open - at);
    out += text_or(payload, key_template.substr(open + 1, close - open - 1).c_str());
    at = close + 1;
  }
  return out;
}
const catalogue_entry* catalogue::find(std::string_view name) const {
  const auto it = entries_.find(name);
  return it == entries_.end() ? nullptr : &it->second->entry;
}

result<void> catalogue::check(std::string_view name, const json& payload) const {
  const auto it = entries_.find(name);
  if (it == entries_.end()) {
    return error(errc::not_found, "the catalogue has no entry \"" + std::string(name) + "\"");
  }
  return run(it->second->payload, payload, name, "the payload");
}

result<void> catalogue::check_answer(std::string_view name, const json& answer) const {
  const auto it = entries_.find(name);
  if (it == entries_.end() || !it->second->answer) {
    return error(errc::not_found,
                 "the catalogue has no question or tool \"" + std::string(name) + "\"");
  }
  return run(*it->second->answer, answer, name, "the answer");
}

std::vector<const catalogue_entry*> catalogue::entries() const {
  std::vector<const catalogue_entry*> out;
  for (const auto& [name, item] : entries_) {
    out.push_back(&item->entry);
  }
  return out;
}

} // namespace crossdock
