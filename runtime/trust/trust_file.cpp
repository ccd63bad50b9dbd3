#include "trust/trust_file.hpp"

#include "base/digest.hpp"
#include "base/toml_reader.hpp"
#include "trust/safe_file.hpp"

#include <algorithm>

namespace crossdock::trust {
namespace {

constexpr std::size_t file_bytes_max = 1u << 20;

/// As plugin ids are, but one part is enough.
bool is_prefix(std::string_view text) {
  bool begins = true;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && (begins || (c != '-' && c != '.'))) {
      return false;
    }
    begins = c == '.';
  }
  return !begins && text.size() <= 96;
}

/// A TOML date means the end of that day, UTC; a date with time what it says.
std::optional<timestamp> moment(const toml::node& n) {
  const auto day = [](const toml::date& d) {
    return std::chrono::year(d.year) / std::chrono::month(d.month) / std::chrono::day(d.day);
  };
  if (const auto* date = n.as_date()) {
    const auto ymd = day(date->get());
    return ymd.ok() ? std::optional<timestamp>(std::chrono::sys_days(ymd) + std::chrono::days(1))
                    : std::nullopt;
  }
  if (const auto* both = n.as_date_time()) {
    const auto& v = both->get();
    const auto ymd = day(v.date);
    if (!ymd.ok() || !v.offset) {
      return std::nullopt;
    }
    return std::chrono::sys_days(ymd) + std::chrono::hours(v.time.hour) +
           std::chrono::minutes(v.time.minute) + std::chrono::seconds(v.time.second) -
           std::chrono::minutes(v.offset->minutes);
  }
  return std::nullopt;
}

std::string as_written(const toml::node& n) {
  std::ostringstream out;
  n.visit([&](const auto& v) {
    if constexpr (toml::is_date<decltype(v)> || toml::is_date_time<decltype(v)>) {
      out << v.get();
    }
  });
  return out.str();
}

class file_reader {
public:
  file_reader(const toml::table& table, std::string file) : table_(table) {
    out_.file = std::move(file);
  }

  result<trust_file> run() {
    {
      toml_reader top(table_, out_.file, "", first_);
      if (const auto* n = top.take("require")) {
        if (const auto* t = n->as_table()) {
          read_require(*t);
        } else {
          top.fail(*n, "require", "{ signatures = 1, roles = [\"vendor\"] } is expected here");
        }
      }
      top.each("key", [&](const toml::table& t, const std::string& at) { read_key(t, at); });
      top.each("revoked",
               [&](const toml::table& t, const std::string& at) { read_revoked(t, at); });
      if (!first_ && out_.keys.size() < out_.signatures_min && !out_.keys.empty()) {
        top.fail(*table_.get("require"), "require.signatures",
                 "there are fewer keys than signatures are required");
      }
    }
    if (first_) {
      return *std::move(first_);
    }
    return std::move(out_);
  }

private:
  void read_require(const toml::table& t) {
    toml_reader r(t, out_.file, "require.", first_);
    out_.signatures_min = static_cast<std::size_t>(r.integer("signatures", 1, 1, 8));
    for (const auto& word : r.texts("roles", false)) {
      if (const auto known = role_from(word)) {
        out_.roles_required.insert(*known);
      } else {
        r.fail(*t.get("roles"), "roles", "a list of \"vendor\" and \"operator\" is expected here");
      }
    }
  }

  static std::optional<role> role_from(std::string_view word) {
    return word == "vendor"     ? std::optional(role::vendor)
           : word == "operator" ? std::optional(role::operator_)
                                : std::nullopt;
  }

  void read_key(const toml::table& t, const std::string& at) {
    toml_reader r(t, out_.file, at + ".", first_);
    trusted_key k;
    k.name = r.text("name", "", true);
    const auto line = r.text("public_key", "", true);
    if (auto key = public_key::parse(line); key) {
      k.key = *key;
    } else if (const auto* n = t.get("public_key")) {
      r.fail(*n, "public_key", key.error().message());
    }
    if (const auto word = r.text("role", "vendor"); role_from(word)) {
      k.as = *role_from(word);
    } else {
      r.fail(*t.get("role"), "role", "\"vendor\" or \"operator\" is expected here");
    }
    k.id_prefixes = r.texts("id_prefixes", true);
    if (const auto* n = t.get("id_prefixes");
        n != nullptr && (k.id_prefixes.empty() ||
                         !std::all_of(k.id_prefixes.begin(), k.id_prefixes.end(), is_prefix))) {
      r.fail(*n, "id_prefixes", "beginnings of plugin ids are expected here, such as \"acme\" "
                                "for every id that begins with acme.");
    }
    read_cap(r, at, k);
    if (const auto word = r.text("isolation", "process"); word == "in-process") {
      k.floor = isolation::in_process;
    } else if (word != "process") {
      r.fail(*t.get("isolation"), "isolation",
             "\"process\" or \"in-process\" is expected here");
    }
    k.first_party = r.flag("first_party", false);
    if (const auto* n = t.get("first_party");
        n != nullptr && k.first_party && k.floor == isolation::process) {
      r.fail(*n, "first_party", "first-party plugins run in the node's process: that needs "
                                "isolation = \"in-process\"");
    }
    if (const auto* n = r.take("not_after")) {
      k.not_after = moment(*n);
      if (!k.not_after) {
        r.fail(*n, "not_after",
               "a date (2027-12-31) or a time with its offset (2027-12-31T12:00:00Z) is "
               "expected here, without quotes");
      }
    }
    for (const auto& other : out_.keys) {
      if (other.key.id == k.key.id || other.name == k.name) {
        r.fail(t, "name", "the key \"" + other.name + "\" is there already, with " +
                            (other.name == k.name ? "this name" : "this key id"));
      }
    }
    out_.keys.push_back(std::move(k));
  }

  void read_cap(toml_reader& r, const std::string& at, trusted_key& k) {
    const auto* n = r.take("cap");
    if (n == nullptr) {
      r.missing("cap");
      return;
    }
    if (n->value_or(std::string()) == "everything") {
      k.highest = cap::everything();
      return;
    }
    const auto* table = n->as_table();
    if (table == nullptr) {
      r.fail(*n, "cap", "a table of what its plugins may do at most, or \"everything\", is "
                        "expected here");
      return;
    }
    toml_reader c(*table, out_.file, at + ".cap.", first_);
    for (std::size_t kind = 0; kind < right_kinds; ++kind) {
      for (const auto& word : c.texts(right_names[kind], false)) {
        if (auto allowed = k.highest.allow(kind, word); !allowed) {
          c.fail(*table->get(right_names[kind]), right_names[kind], allowed.error().message());
        }
      }
    }
  }

  void read_revoked(const toml::table& t, const std::string& at) {
    toml_reader r(t, out_.file, at + ".", first_);
    const auto id = r.text("key_id");
    const auto hash = r.text("sha256");
    revocation why;
    why.reason = r.text("reason", "", true);
    if (const auto* n = r.take("date")) {
      why.date = as_written(*n);
      if (why.date.empty()) {
        r.fail(*n, "date", "a date such as 2026-11-30 is expected here, without quotes");
      }
    } else {
      r.missing("date");
    }
    if (id.empty() == hash.empty()) {
      r.fail(t, "key_id", "exactly one of key_id and sha256 says what is revoked");
    } else if (!id.empty()) {
      if (auto key = key_id_from_text(id); key) {
        out_.revoked_keys.emplace(*key, std::move(why));
      } else {
        r.fail(*t.get("key_id"), "key_id", key.error().message());
      }
    } else if (auto digest = sha256_from_hex(hash); digest) {
      out_.revoked_files.emplace(to_hex(*digest), std::move(why));
    } else {
      r.fail(*t.get("sha256"), "sha256", digest.error().message());
    }
  }

  const toml::table& table_;
  trust_file out_;
  std::optional<error> first_;
};

} // namespace

std::string_view to_string(role r) {
  return r == role::vendor ? "vendor" : "operator";
}

std::string_view to_string(isolation i) {
  return i == isolation::process ? "process" : "in-process";
}

bool trusted_key::covers(std::string_view plugin_id) const {
  return std::any_of(id_prefixes.begin(), id_prefixes.end(), [&](const std::string& p) {
    return plugin_id == p || (plugin_id.starts_with(p) && plugin_id[p.size()] == '.');
  });
}

const trusted_key* trust_file::find(const key_id& id) const {
  const auto it = std::find_if(keys.begin(), keys.end(),
                               [&](const trusted_key& k) { return k.key.id == id; });
  return it == keys.end() ? nullptr : &*it;
}

result<trust_file> trust_file::parse(const std::string& text,
                                     const std::filesystem::path& file) {
  auto table = parse_toml(text, file);
  if (!table) {
    return std::move(table).error();
  }
  auto out = file_reader(*table, file.string()).run();
  if (out) {
    out->sha256 = to_hex(sha256_of(text));
  }
  return out;
}

result<trust_file> trust_file::read(const std::filesystem::path& file) {
  auto text = read_private_file(file, file_bytes_max);
  if (!text) {
    return error(text.error().code(),
                 "the trust file cannot be used: " + text.error().describe())
      .at("file", file.string());
  }
  return parse(*text, file);
}

} // namespace crossdock::trust
