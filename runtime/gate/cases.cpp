#include "gate/cases.hpp"

#include "base/toml_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace crossdock::gate {
namespace {

/// Cases that name no time are judged at this one; facts are a minute old then.
constexpr const char* usual_time = "2026-01-05T12:00:00Z";
constexpr std::chrono::seconds usual_age{60};

/// Reads the keys of a given proposal, of the file's [given] or of one case.
class given_reader {
public:
  given_reader(const toml::table& t, const std::string& file, const std::string& path,
               std::optional<error>& first)
      : r_(t, file, path, first) {}

  void into(policy_case& c) {
    auto& p = c.given;
    for (auto& [key, member] :
         {std::pair<const char*, std::string proposal::*>{"tenant", &proposal::tenant},
          {"flow", &proposal::flow},
          {"step", &proposal::step},
          {"agent", &proposal::agent},
          {"tool", &proposal::tool},
          {"site", &proposal::site}}) {
      p.*member = r_.text(key, p.*member);
    }
    amount("amount", p.amount);
    amount("expected_value", p.expected_value);
    confidence(p);
    if (const auto* n = r_.take("labels"); n != nullptr) {
      p.labels = r_.texts("labels", false);
      std::sort(p.labels.begin(), p.labels.end());
    }
    if (const auto* n = r_.take("autonomy"); n != nullptr) {
      if (const auto level = autonomy_from(r_.text("autonomy"))) {
        c.context.level = *level;
      } else {
        r_.fail(*n, "autonomy", level.error().message());
      }
    }
    if (const auto* n = r_.take("at"); n != nullptr) {
      if (const auto at = parse_rfc3339(r_.text("at"))) {
        c.context.now = *at;
      } else {
        r_.fail(*n, "at", at.error().message());
      }
    }
    c.context.write_tool = !r_.flag("reads_only", !c.context.write_tool);
    facts(c);
  }

private:
  void amount(const char* key, std::optional<money>& out) {
    const auto* n = r_.take(key);
    if (n == nullptr) {
      return;
    }
    if (n->is_string() && n->value_or(std::string()) == "") {
      out.reset(); // "" takes back what the file's [given] says
      return;
    }
    if (const auto m = money::parse(r_.text(key))) {
      out = *m;
    } else {
      r_.fail(*n, key, m.error().message());
    }
  }

  void confidence(proposal& p) {
    const auto* n = r_.take("confidence");
    if (n == nullptr) {
      return;
    }
    const auto v = n->value<double>();
    const auto permille = v ? static_cast<int>(*v * 1000 + 0.5) : -1;
    if (!v || permille < 0 || permille > 1000 || std::abs(*v * 1000 - permille) > 1e-6) {
      r_.fail(*n, "confidence", "0 to 1 with at most three decimals is expected here");
      return;
    }
    p.confidence_permille = permille;
  }

  /// name = 5, name = "text", or name = { value = 5, unit = "each", age = "2h" }.
  void facts(policy_case& c) {
    const auto* n = r_.take("facts");
    if (n == nullptr) {
      return;
    }
    const auto* t = n->as_table();
    if (t == nullptr) {
      r_.fail(*n, "facts", "a table of facts is expected here");
      return;
    }
    for (const auto& [name, node] : *t) {
      fact f;
      f.name = std::string(name.str());
      f.system = "case";
      f.record = "given";
      f.material = true;
      auto age = usual_age;
      const toml::node* value = &node;
      if (const auto* detailed = node.as_table()) {
        value = detailed->get("value");
        f.unit = (*detailed)["unit"].value_or(std::string());
        if (const auto word = (*detailed)["age"].value<std::string>()) {
          const auto d = parse_duration(*word);
          if (!d) {
            r_.fail(node, "facts." + f.name, d.error().message());
            return;
          }
          age = *d;
        }
      }
      if (value == nullptr) {
        r_.fail(node, "facts." + f.name, "\"value\" is missing");
        return;
      }
      if (const auto whole = value->value_exact<std::int64_t>()) {
        f.value = *whole;
      } else if (const auto text = value->value_exact<std::string>()) {
        f.value = *text;
      } else if (const auto flag = value->value_exact<bool>()) {
        f.value = *flag;
      } else {
        r_.fail(node, "facts." + f.name,
                "a whole number, a text or true/false is expected "
                "here; decimals are written in quotes");
        return;
      }
      std::erase_if(c.given.facts, [&](const fact& old) { return old.name == f.name; });
      f.as_of = c.context.now - age;
      c.given.facts.push_back(std::move(f));
    }
  }

  toml_reader r_;
};

template <class Strings>
std::vector<std::string> in_order(Strings s) {
  std::sort(s.begin(), s.end());
  return s;
}

void read_expectation(const toml::table& t, const std::string& file,
                      const std::string& path, std::optional<error>& first,
                      policy_case& c) {
  toml_reader r(t, file, path, first);
  const auto* effect = r.take("effect");
  const auto word = r.text("effect", "", true);
  if (word == "allow") {
    c.effect = effect_verdict::allow;
  } else if (word == "ask") {
    c.effect = effect_verdict::ask;
  } else if (word != "deny" && effect != nullptr) {
    r.fail(*effect, "effect", "\"allow\", \"ask\" or \"deny\" is expected here");
  }
  if (r.take("chain") != nullptr) {
    c.chain = r.text("chain");
  }
  if (r.take("rules") != nullptr) {
    c.rules = in_order(r.texts("rules", false));
  }
  if (r.take("obligations") != nullptr) {
    c.obligations = in_order(r.texts("obligations", false));
  }
}

} // namespace

result<std::vector<policy_case>> read_cases(const std::string& text,
                                            const std::string& file_name) {
  if (text.size() > limits::text_bytes_max) {
    return error(errc::limit, fmt::format("a file of cases has at most {} bytes",
                                          limits::text_bytes_max))
        .at("file", file_name);
  }
  const auto root = parse_toml(text, file_name);
  if (!root) {
    return root.error();
  }
  std::optional<error> first;
  std::vector<policy_case> out;
  {
    toml_reader top(*root, file_name, "", first);
    if (top.integer("version", 0, 0, 1'000'000) != 1) {
      return error(errc::version, "a file of policy cases begins with version = 1")
          .at("file", file_name);
    }
    policy_case usual;
    usual.context.now = parse_rfc3339(usual_time).value();
    if (const auto* n = top.take("given"); n != nullptr && n->is_table()) {
      given_reader(*n->as_table(), file_name, "given.", first).into(usual);
    }
    top.each("case", [&](const toml::table& t, const std::string& path) {
      toml_reader r(t, file_name, path + ".", first);
      auto c = usual;
      c.name = r.text("name", "", true);
      c.line = static_cast<int>(t.source().begin.line);
      if (const auto* n = r.take("given"); n != nullptr && n->is_table()) {
        given_reader(*n->as_table(), file_name, path + ".given.", first).into(c);
      }
      if (const auto* n = r.take("expect"); n != nullptr && n->is_table()) {
        read_expectation(*n->as_table(), file_name, path + ".expect.", first, c);
      } else {
        r.missing("expect");
      }
      out.push_back(std::move(c));
    });
  }
  if (first) {
    return *std::move(first);
  }
  if (out.empty()) {
    return error(errc::invalid, "the file holds no [[case]]").at("file", file_name);
  }
  if (out.size() > cases_max) {
    return error(errc::limit, fmt::format("more than {} cases", cases_max))
        .at("file", file_name);
  }
  return out;
}

std::string fails_with(const policy& p, const policy_case& c) {
  const auto v = p.judge(c.given, c.context);
  const auto said = [&](const std::string& what) { return what + ": " + v.reason; };
  if (v.effect != c.effect) {
    return said(fmt::format("{}{}, not {}", to_string(v.effect),
                            v.chain.empty() ? "" : " " + v.chain, to_string(c.effect)));
  }
  if (c.chain && v.chain != *c.chain) {
    return said(fmt::format("asks \"{}\", not \"{}\"", v.chain, *c.chain));
  }
  if (c.rules && in_order(v.rules) != *c.rules) {
    return said(fmt::format("decided by {}, not by {}", fmt::join(v.rules, ", "),
                            fmt::join(*c.rules, ", ")));
  }
  if (c.obligations && in_order(v.obligations) != *c.obligations) {
    return said(fmt::format("obliges to {}, not to {}", fmt::join(v.obligations, ", "),
                            fmt::join(*c.obligations, ", ")));
  }
  return "";
}

result<survey>
survey_mutations(const policy& p, const std::vector<policy_case>& cases,
                 const std::function<void(std::size_t, std::size_t)>& progress) {
  survey out;
  const auto all = p.mutations();
  std::size_t done = 0;
  for (const auto& [words, changed] : all) {
    if (progress) {
      progress(++done, all.size());
    }
    if (std::any_of(cases.begin(), cases.end(), [&](const policy_case& c) {
          return !fails_with(changed, c).empty();
        })) {
      ++out.mutations;
      continue;
    }
    const auto compared = p.compare(changed);
    if (!compared) {
      return compared.error();
    }
    if (compared->differences.empty()) {
      ++out.equivalent;
      continue;
    }
    ++out.mutations;
    const auto& d = compared->differences.front();
    std::string where;
    for (const auto& [name, values] : d.where) {
      where += fmt::format("{}{}: {}", where.empty() ? "" : "; ", name, values);
    }
    out.unnoticed.push_back(
        fmt::format("{}: {} becomes {} where {}", words, d.before, d.after, where));
  }
  return out;
}

} // namespace crossdock::gate
