#include "flow/source_file.hpp"

#include <toml++/toml.h>

#include <optional>

namespace crossdock::flow {
namespace {

/// "/step/2/timeout" as an operator would say it: "step[2].timeout".
std::string field_of(std::string_view pointer) {
  std::string out;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const auto end = pointer.find('/');
    const auto token = pointer.substr(0, end);
    pointer = end == std::string_view::npos ? std::string_view{} : pointer.substr(end);
    if (!token.empty() &&
        token.find_first_not_of("0123456789") == std::string_view::npos) {
      out.append("[").append(token).append("]");
    } else {
      out.append(out.empty() ? "" : ".").append(token);
    }
  }
  return out;
}

class converter {
public:
  explicit converter(source_file& target) : target_(target) {}

  json convert(const toml::node& node, const std::string& pointer) {
    if (const auto line = node.source().begin.line; line > 0) { // 0: a table only implied
      target_.lines[pointer] = line;
    }
    if (const auto* table = node.as_table()) {
      json out = json::object();
      for (const auto& [key, value] : *table) {
        const std::string name(key.str());
        out[name] = convert(value, pointer + "/" + pointer_token(name));
      }
      return out;
    }
    if (const auto* array = node.as_array()) {
      json out = json::array();
      for (std::size_t i = 0; i < array->size(); ++i) {
        out.push_back(convert((*array)[i], pointer + "/" + std::to_string(i)));
      }
      return out;
    }
    if (const auto* text = node.as_string()) {
      return text->get();
    }
    if (const auto* integer = node.as_integer()) {
      return integer->get();
    }
    if (const auto* boolean = node.as_boolean()) {
      return boolean->get();
    }
    if (!failure_) {
      failure_ =
          target_.wrong(pointer, node.is_floating_point()
                                     ? "a number with decimals is written as text, "
                                       "for instance \"0.5\": it must stay exact"
                                     : "dates and times are written as text");
    }
    return nullptr;
  }

  const std::optional<error>& failure() const { return failure_; }

private:
  source_file& target_;
  std::optional<error> failure_;
};

} // namespace

std::string pointer_token(std::string_view token) {
  std::string out;
  for (const char c : token) {
    out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  }
  return out;
}

error source_file::wrong(const std::string& pointer, std::string message) const {
  // A missing key has no line of its own: that of the table around it is the place to
  // look.
  std::string at = pointer;
  auto it = lines.find(at);
  while (it == lines.end() && !at.empty()) {
    at.resize(at.rfind('/'));
    it = lines.find(at);
  }
  return error(errc::invalid, std::move(message))
      .at("file", file)
      .at("line", std::to_string(it == lines.end() ? 1 : it->second))
      .at("field", field_of(pointer));
}

result<source_file> read_toml(std::string_view text, std::string file) {
  source_file out;
  out.file = std::move(file);
  try {
    const toml::table table = toml::parse(text, out.file);
    converter c(out);
    out.root = c.convert(table, "");
    if (c.failure()) {
      return *c.failure();
    }
  } catch (const toml::parse_error& e) {
    return error(errc::malformed, "not valid TOML: " + std::string(e.description()))
        .at("file", out.file)
        .at("line", std::to_string(e.source().begin.line));
  }
  return out;
}

} // namespace crossdock::flow
