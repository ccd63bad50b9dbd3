#include "trust/history.hpp"

#include "trust/semver.hpp"

namespace crossdock::trust {

json staging::to_json() const {
  json components = json::object();
  for (const auto& [component, r] : asks) {
    components[component] = r.to_json();
  }
  json out{{"at", to_rfc3339(at)}, {"by", by},         {"what", what},
           {"id", id},             {"version", version}, {"sha256", sha256},
           {"asks", components},   {"standing", standing}};
  if (!downgrade_reason.empty()) {
    out["downgrade_reason"] = downgrade_reason;
  }
  if (!wider_accepted_by.empty()) {
    out["wider_accepted_by"] = wider_accepted_by;
  }
  return out;
}

result<staging> staging::from_json(const json& object) {
  staging out;
  const auto at = parse_rfc3339(text_or(object, "at"));
  out.by = text_or(object, "by");
  out.what = text_or(object, "what");
  out.id = text_or(object, "id");
  out.version = text_or(object, "version");
  out.sha256 = text_or(object, "sha256");
  out.standing = text_or(object, "standing");
  out.downgrade_reason = text_or(object, "downgrade_reason");
  out.wider_accepted_by = text_or(object, "wider_accepted_by");
  if (!at || out.id.empty() || out.version.empty() || out.sha256.size() != 64 ||
      !object.contains("asks") || !object["asks"].is_object()) {
    return error(errc::malformed, "a line of the journal lacks at, id, version, sha256 or asks");
  }
  out.at = *at;
  for (const auto& [component, r] : object["asks"].items()) {
    out.asks[component] = rights::from_json(r);
  }
  return out;
}

void history::add(staging s) {
  auto& p = plugins_[s.id];
  if (p.highest.empty() || compare_versions(s.version, p.highest) >= 0) {
    p.highest = s.version;
    p.allowed_older.clear();
  } else if (!s.downgrade_reason.empty()) {
    p.allowed_older.insert(s.sha256);
  }
  p.asks = s.asks;
  files_.insert(s.sha256);
  lines_.push_back(std::move(s));
}

std::string history::highest(const std::string& id) const {
  const auto it = plugins_.find(id);
  return it == plugins_.end() ? std::string() : it->second.highest;
}

bool history::new_enough(const std::string& id, const std::string& version,
                         const std::string& sha256) const {
  const auto it = plugins_.find(id);
  return it == plugins_.end() || compare_versions(version, it->second.highest) >= 0 ||
         it->second.allowed_older.contains(sha256);
}

std::vector<std::string>
history::wider_than_before(const std::string& id, const std::string& sha256,
                           const std::map<std::string, rights>& asks) const {
  const auto it = plugins_.find(id);
  return it == plugins_.end() || knows(sha256) ? std::vector<std::string>()
                                               : wider(it->second.asks, asks);
}

} // namespace crossdock::trust
