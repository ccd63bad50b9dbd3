// The quick check only ever says yes. Whatever it accepts, the full validator accepts as well.
#include "base/catalogue.hpp"
#include "base/quick_schema.hpp"

#include <catch2/catch.hpp>

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include <filesystem>
#include <fstream>
#include <random>

using namespace crossdock;

namespace {

const std::filesystem::path folder = CROSSDOCK_CATALOGUE;

json read(const std::filesystem::path& file) {
  std::ifstream in(file);
  return json::parse(in);
}

bool fully_valid(const json& schema, const json& definitions, const json& value) {
  json source = schema;
  source["definitions"] = definitions;
  valijson::Schema compiled;
  valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(source),
                                          compiled);
  return valijson::Validator().validate(
    compiled, valijson::adapters::NlohmannJsonAdapter(value), nullptr);
}

/// Values that satisfy a schema more often than not, and miss it in every way it speaks of.
class generator {
public:
  generator(const json& definitions, std::uint64_t seed)
    : definitions_(definitions), random_(seed) {}

  json make(const json& schema, int depth = 0) {
    if (schema.contains("$ref")) {
      const auto name = schema["$ref"].get<std::string>().substr(14);
      return make(definitions_[name], depth);
    }
    if (chance(0.04) || depth > 8) {
      return oddity();
    }
    if (schema.contains("enum")) {
      const auto& all = schema["enum"];
      return all[below(all.size())];
    }
    auto type = schema.value("type", json("object"));
    if (type.is_array()) {
      type = type[below(type.size())];
    }
    if (type == "object") {
      json out = json::object();
      const auto members = schema.value("properties", json::object());
      for (const auto& [name, child] : members.items()) {
        if (!chance(0.03)) {
          out[name] = make(child, depth + 1);
        }
      }
      if (chance(0.05)) {
        out["something_else"] = 1;
      }
      return out;
    }
    if (type == "array") {
      json out = json::array();
      for (auto n = below(4); n > 0; --n) {
        out.push_back(make(schema.value("items", json::object()), depth + 1));
      }
      return out;
    }
    if (type == "integer") {
      return static_cast<std::int64_t>(below(40)) - 20;
    }
    if (type == "number") {
      return static_cast<double>(below(30)) / 10.0 - 0.5;
    }
    return type == "boolean" ? json(chance(0.5)) : text(schema);
  }

private:
  json text(const json& schema) {
    static const std::vector<std::string> shaped{
      "12",         "-3.5",       "0.1234567",  "007",  "2026-11-25", "2026-11-25T10:00:00Z",
      "2026-1-5",   "USD",        "usd",        "12\n", "\n12",       "16:00",
      "2026-11-25\n", "1٢",       "",           " ",    "ä",          "2026-11-25T10:00:00.5+01:00"};
    if (schema.contains("pattern") || chance(0.2)) {
      return shaped[below(shaped.size())];
    }
    const auto longest = schema.value("maxLength", 12);
    const auto n = below(static_cast<std::size_t>(longest) + 3);
    std::string out;
    while (out.size() < n) {
      out += chance(0.1) ? "ö" : "x";
    }
    return out;
  }
  json oddity() {
    const json all[] = {nullptr, true, 0, -1, 1.5, 1e300, "", "text", json::array(),
                        json::object(), json::array({json::array()})};
    return all[below(std::size(all))];
  }
  bool chance(double p) { return std::bernoulli_distribution(p)(random_); }
  std::size_t below(std::size_t n) {
    return n == 0 ? 0 : std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }

  const json& definitions_;
  std::mt19937_64 random_;
};

} // namespace

TEST_CASE("what the quick check accepts, the full validator accepts", "[base]") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  const auto definitions = read(folder / "definitions.json")["definitions"];
  generator values(definitions, seed);
  std::size_t accepted = 0;
  std::size_t valid = 0;
  for (const auto& item : std::filesystem::directory_iterator(folder)) {
    const auto document = read(item.path());
    for (const auto* part : {"schema", "answer"}) {
      if (!document.contains(part)) {
        continue;
      }
      INFO(item.path().filename() << " " << part);
      const auto quick = quick_schema::compile(document[part], definitions);
      REQUIRE(quick); // the shipped catalogue uses nothing that the quick check lacks
      for (int i = 0; i < 120; ++i) {
        const auto value = values.make(document[part]);
        const bool full = fully_valid(document[part], definitions, value);
        valid += full ? 1 : 0;
        if (quick->accepts(value)) {
          ++accepted;
          INFO(value.dump());
          REQUIRE(full);
        }
      }
    }
  }
  // It is worth having only if it says yes nearly always when yes is right.
  CHECK(valid > 200);
  CHECK(accepted * 10 > valid * 9);
}

TEST_CASE("a schema beyond the quick check's part is left to the full validator", "[base]") {
  const auto beyond = [](const char* text) {
    return !quick_schema::compile(json::parse(text), json::object());
  };
  CHECK(beyond(R"({"anyOf": [{"type": "string"}]})"));
  CHECK(beyond(R"({"type": "string", "format": "date"})"));
  CHECK(beyond(R"({"type": "string", "pattern": "\\d+"})"));
  CHECK(beyond(R"x({"type": "string", "pattern": "(?=x)"})x"));
  CHECK(beyond(R"({"items": [{"type": "string"}]})"));
  CHECK(beyond(R"({"patternProperties": {"^x": {}}})"));
  CHECK(beyond(R"({"$ref": "other.json"})"));
  CHECK(beyond(R"({"properties": {"deep": {"not": {}}}})"));
  CHECK_FALSE(beyond(R"({"type": ["string", "null"], "maxLength": 3})"));
}

TEST_CASE("a schema that refers to itself ends with the value", "[base]") {
  const auto tree = json::parse(
    R"({"type": "object", "additionalProperties": false,
        "properties": {"children": {"type": "array", "items": {"$ref": "#/definitions/tree"}}}})");
  const json definitions{{"tree", tree}};
  const auto quick = quick_schema::compile(tree, definitions);
  REQUIRE(quick);
  CHECK(quick->accepts(json::parse(R"({"children": [{"children": []}, {}]})")));
  CHECK_FALSE(quick->accepts(json::parse(R"({"children": [{"childen": []}]})")));
}
