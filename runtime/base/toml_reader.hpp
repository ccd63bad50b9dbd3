/// Strict reading of TOML files: an unknown key is an error, and every error has its file, line
/// and field. Who includes this links toml++.
#pragma once

#include "base/error.hpp"

#include <toml++/toml.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace crossdock {

/// Errors: malformed, with file, line and column.
inline result<toml::table> parse_toml(const std::string& text, const std::filesystem::path& file) {
  try {
    return toml::parse(text, file.string());
  } catch (const toml::parse_error& e) {
    return error(errc::malformed, "not valid TOML: " + std::string(e.description()))
      .at("file", file.string())
      .at("line", std::to_string(e.source().begin.line))
      .at("column", std::to_string(e.source().begin.column));
  }
}

/// Reads a table key by key; what nobody asked for is an error at the end. The first error
/// stays, so that callers read everything and look once.
class toml_reader {
public:
  toml_reader(const toml::table& table, std::string file, std::string path,
              std::optional<error>& first)
    : table_(table), file_(std::move(file)), path_(std::move(path)), first_(first) {}
  ~toml_reader() {
    for (const auto& [key, node] : table_) {
      if (!seen_.contains(std::string(key.str()))) {
        fail(node, std::string(key.str()), "unknown key");
      }
    }
  }
  toml_reader(const toml_reader&) = delete;
  toml_reader& operator=(const toml_reader&) = delete;

  const toml::node* take(const char* key) {
    seen_.insert(key);
    return table_.get(key);
  }

  std::string text(const char* key, std::string otherwise = "", bool required = false) {
    const auto* n = take(key);
    if (n == nullptr) {
      if (required) {
        missing(key);
      }
      return otherwise;
    }
    if (const auto v = n->value<std::string>(); v && !v->empty()) {
      return *v;
    }
    fail(*n, key, "a text is expected here");
    return otherwise;
  }

  bool flag(const char* key, bool otherwise) {
    const auto* n = take(key);
    if (n == nullptr) {
      return otherwise;
    }
    if (n->is_boolean()) {
      return n->value_or(otherwise);
    }
    fail(*n, key, "true or false is expected here");
    return otherwise;
  }

  std::int64_t integer(const char* key, std::int64_t otherwise, std::int64_t low,
                       std::int64_t high) {
    const auto* n = take(key);
    if (n == nullptr) {
      return otherwise;
    }
    if (const auto v = n->value<std::int64_t>(); n->is_integer() && *v >= low && *v <= high) {
      return *v;
    }
    fail(*n, key,
         "a whole number from " + std::to_string(low) + " to " + std::to_string(high) +
           " is expected here");
    return otherwise;
  }

  std::vector<std::string> texts(const char* key, bool required) {
    std::vector<std::string> out;
    const auto* n = take(key);
    if (n == nullptr) {
      if (required) {
        missing(key);
      }
      return out;
    }
    if (const auto* list = n->as_array()) {
      for (const auto& item : *list) {
        const auto v = item.value<std::string>();
        if (!v) {
          fail(item, key, "a list of texts is expected here");
          return out;
        }
        out.push_back(*v);
      }
      return out;
    }
    fail(*n, key, "a list of texts is expected here");
    return out;
  }

  void each(const char* key, const std::function<void(const toml::table&, std::string)>& f) {
    const auto* n = take(key);
    if (n == nullptr) {
      return;
    }
    if (const auto* list = n->as_array()) {
      std::size_t i = 0;
      for (const auto& item : *list) {
        if (const auto* t = item.as_table()) {
          f(*t, path_ + key + "." + std::to_string(i++));
        } else {
          fail(item, key, "a table [[...]] is expected here");
        }
      }
      return;
    }
    fail(*n, key, "a list of tables [[...]] is expected here");
  }

  void fail(const toml::node& n, const std::string& key, const std::string& why) {
    if (!first_) {
      first_ = error(errc::invalid, why)
                 .at("file", file_)
                 .at("line", std::to_string(n.source().begin.line))
                 .at("field", path_ + key);
    }
  }
  void missing(const std::string& key) {
    if (!first_) {
      first_ = error(errc::invalid, "this key is missing")
                 .at("file", file_)
                 .at("line", std::to_string(table_.source().begin.line))
                 .at("field", path_ + key);
    }
  }

private:
  const toml::table& table_;
  std::string file_;
  std::string path_;
  std::optional<error>& first_;
  std::set<std::string> seen_;
};

} // namespace crossdock
