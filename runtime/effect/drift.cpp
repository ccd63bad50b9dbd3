#include "effect/effect.hpp"

namespace crossdock::effect {
namespace {

std::string text_of(const json& v) { return v.is_string() ? v.get<std::string>() : to_text(v); }

/// Numbers are compared as decimals within the tolerance, everything else letter by letter.
bool moved(const fact& f, const json& now) {
  const auto before_text = text_of(f.value);
  const auto now_text = text_of(now);
  const auto before = decimal::parse(before_text);
  const auto after = decimal::parse(now_text);
  if (!before || !after) {
    return before_text != now_text;
  }
  auto difference = after->minus(*before);
  if (!difference) {
    return true;
  }
  const auto size = difference->micros() < 0 ? -difference->micros() : difference->micros();
  return size > (f.tolerance ? f.tolerance->micros() : 0);
}

} // namespace

std::vector<reread> rereads_of(const proposal& p) {
  std::vector<reread> out;
  for (std::size_t i = 0; i < p.facts.size(); ++i) {
    const auto& f = p.facts[i];
    if (!f.material || !f.read.is_object()) {
      continue;
    }
    const auto tool = text_or(f.read, "tool");
    const auto args = f.read.value("args", json::object());
    auto it = out.begin();
    while (it != out.end() && (it->tool != tool || it->args != args)) {
      ++it;
    }
    if (it == out.end()) {
      out.push_back({tool, args, {}});
      it = out.end() - 1;
    }
    it->facts.push_back(i);
  }
  return out;
}

json drift_of(const proposal& p, const reread& r, const json& answer) {
  json out = json::array();
  for (const auto i : r.facts) {
    const auto& f = p.facts[i];
    const auto* now = find_pointer(answer, text_or(f.read, "pointer"));
    if (now != nullptr && !moved(f, *now)) {
      continue;
    }
    out.push_back({{"name", f.name},
                   {"record", f.record},
                   {"was", text_of(f.value)},
                   {"is", now == nullptr ? "gone" : text_of(*now)},
                   {"tolerance", f.tolerance ? f.tolerance->str() : "0"}});
  }
  return out;
}

} // namespace crossdock::effect
