#include "trust/rights.hpp"

#include <algorithm>

namespace crossdock::trust {
namespace {

/// The member of an entry that is an object and carries its name.
const char* name_member(std::size_t kind) {
  switch (static_cast<right>(kind)) {
  case right::consumes:
  case right::produces: return "topic";
  case right::answers:
  case right::asks: return "question";
  case right::offers: return "tool";
  default: return "name";
  }
}

bool matches(const std::set<std::string>& words, std::string_view name) {
  if (words.contains(std::string(name)) || words.contains("*")) {
    return true;
  }
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return word.ends_with(".*") && name.starts_with(std::string_view(word).substr(0, word.size() - 1));
  });
}

} // namespace

bool rights::empty() const {
  return std::all_of(names_.begin(), names_.end(), [](const auto& s) { return s.empty(); });
}

bool rights::within(const rights& other) const {
  for (std::size_t k = 0; k < right_kinds; ++k) {
    if (!std::includes(other.names_[k].begin(), other.names_[k].end(), names_[k].begin(),
                       names_[k].end())) {
      return false;
    }
  }
  return true;
}

rights rights::without(const rights& other) const {
  rights out;
  for (std::size_t k = 0; k < right_kinds; ++k) {
    for (const auto& name : names_[k]) {
      if (!other.names_[k].contains(name)) {
        out.names_[k].insert(name);
      }
    }
  }
  return out;
}

json rights::to_json() const {
  json out = json::object();
  for (std::size_t k = 0; k < right_kinds; ++k) {
    if (!names_[k].empty()) {
      out[right_names[k]] = names_[k];
    }
  }
  return out;
}

rights rights::from_json(const json& object) {
  rights out;
  for (std::size_t k = 0; k < right_kinds; ++k) {
    const auto it = object.is_object() ? object.find(right_names[k]) : object.end();
    if (it == object.end() || !it->is_array()) {
      continue;
    }
    for (const auto& item : *it) {
      if (item.is_string()) {
        out.names_[k].insert(item.get<std::string>());
      }
    }
  }
  return out;
}

rights asked_by(const json& component) {
  rights out;
  for (std::size_t k = 0; k < right_kinds; ++k) {
    const auto it = component.find(right_names[k]);
    if (it == component.end() || !it->is_array()) {
      continue;
    }
    for (const auto& item : *it) {
      out.at(k).insert(item.is_string() ? item.get<std::string>()
                                        : text_or(item, name_member(k)));
    }
  }
  return out;
}

// -- caps ------------------------------------------------------------------------------------

cap cap::everything() {
  cap out;
  out.everything_ = true;
  return out;
}

result<void> cap::allow(std::size_t kind, const std::string& word) {
  const auto star = word.find('*');
  if (word.empty() || word.size() > 96 ||
      (star != word.npos && word != "*" &&
       (star + 1 != word.size() || !word.ends_with(".*") || word.size() < 3))) {
    return error(errc::invalid, "\"" + word + "\" is neither a name nor a beginning like "
                                              "\"erp.orders.*\" nor \"*\"");
  }
  if (all_of_.empty()) {
    all_of_.emplace_back();
  }
  all_of_.front()[kind].insert(word);
  return {};
}

bool cap::allows(std::size_t kind, std::string_view name) const {
  return everything_ || (!all_of_.empty() &&
                         std::all_of(all_of_.begin(), all_of_.end(), [&](const words& one) {
                           return matches(one[kind], name);
                         }));
}

cap operator&(const cap& a, const cap& b) {
  if (a.everything_ || b.everything_) {
    return a.everything_ ? b : a;
  }
  cap out;
  // A cap without a word allows nothing, so the two together allow nothing.
  if (!a.all_of_.empty() && !b.all_of_.empty()) {
    out.all_of_ = a.all_of_;
    out.all_of_.insert(out.all_of_.end(), b.all_of_.begin(), b.all_of_.end());
  }
  return out;
}

// -- together --------------------------------------------------------------------------------

effective_rights effective(const rights& asked, const grant& granted, const cap& highest) {
  effective_rights out;
  for (std::size_t k = 0; k < right_kinds; ++k) {
    const bool endpoints = static_cast<right>(k) == right::endpoints;
    for (const auto& name : asked.at(k)) {
      const bool given = endpoints            ? granted.endpoints.contains(name)
                         : granted.names[k]   ? granted.names[k]->contains(name)
                                              : true;
      if (!given) {
        out.kept_by_grant.at(k).insert(name);
      } else if (!highest.allows(k, name)) {
        out.kept_by_cap.at(k).insert(name);
      } else {
        out.held.at(k).insert(name);
      }
    }
  }
  return out;
}

std::map<std::string, rights> asked_by_plugin(const json& manifest) {
  std::map<std::string, rights> out;
  if (const auto it = manifest.find("components"); it != manifest.end()) {
    for (const auto& c : *it) {
      out[text_or(c, "id")] = asked_by(c);
    }
  }
  return out;
}

std::vector<std::string> wider(const std::map<std::string, rights>& before,
                               const std::map<std::string, rights>& after) {
  static constexpr std::array<const char*, right_kinds> said = {
      "is handed the topic", "sends the topic", "answers the question", "asks the question",
      "reads with",          "proposes",        "offers the tool",      "uses the capability",
      "connects to"};
  std::vector<std::string> out;
  for (const auto& [id, now] : after) {
    const auto it = before.find(id);
    const auto more = it == before.end() ? now : now.without(it->second);
    if (it == before.end() && now.empty()) {
      out.push_back("the component " + id + " is new");
    }
    for (std::size_t k = 0; k < right_kinds; ++k) {
      for (const auto& name : more.at(k)) {
        out.push_back((it == before.end() ? "the new component " : "") + id + " " + said[k] +
                      " " + name);
      }
    }
  }
  return out;
}

} // namespace crossdock::trust
