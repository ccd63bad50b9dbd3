#include "host/swap_plan.hpp"

#include "host/staged_plugin.hpp"
#include "trust/semver.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace crossdock::host {
namespace {

std::string joined(const std::set<int>& numbers) {
  return fmt::format("{}", fmt::join(numbers, ", "));
}

std::vector<std::string> missing(const std::set<std::string>& from,
                                 const std::set<std::string>& in) {
  std::vector<std::string> out;
  std::set_difference(from.begin(), from.end(), in.begin(), in.end(),
                      std::back_inserter(out));
  return out;
}

bool same_settings(const component& a, const component& b) {
  return a.config == b.config && a.executor == b.executor && a.consumes == b.consumes &&
         a.produces == b.produces && a.answers == b.answers && a.may_ask == b.may_ask &&
         a.may_call == b.may_call && a.proposes == b.proposes && a.offers == b.offers &&
         a.capabilities == b.capabilities && a.endpoints == b.endpoints &&
         a.limits.effects_per_s == b.limits.effects_per_s &&
         a.limits.process_bytes_max == b.limits.process_bytes_max;
}

} // namespace

swap_plan plan_swap(const component& now, const component& next,
                    const std::set<std::string>& others) {
  swap_plan p;
  const auto& was = *now.file;
  const auto& is = *next.file;
  if (was.sha256_hex() == is.sha256_hex() && same_settings(now, next)) {
    p.refused.push_back(was.release() + " is what runs");
    return p;
  }
  if (was.id() != is.id()) {
    p.refused.push_back(fmt::format("the file is the plugin {}, and {} belongs to {}",
                                    is.id(), now.name, was.id()));
  }
  if (now.connector != next.connector) {
    p.refused.push_back(next.connector ? "it is a connector, and an agent runs"
                                       : "it is an agent, and a connector runs");
  }
  if (now.state_schema != next.state_schema &&
      !next.restores_from.contains(now.state_schema)) {
    p.refused.push_back(
        fmt::format("the running version keeps its state under schema {}, and the new "
                    "one reads {} only "
                    "(state.restores_from of its manifest)",
                    now.state_schema,
                    next.restores_from.empty() ? "its own" : joined(next.restores_from)));
  }
  for (const auto& [had, has, verb] : {std::tuple{&now.answers, &next.answers, "answers"},
                                       std::tuple{&now.offers, &next.offers, "offers"}}) {
    for (const auto& word : missing(*had, *has)) {
      if (others.contains(word)) {
        p.refused.push_back(
            fmt::format("it no longer {} {}, which others here rely on", verb, word));
      } else {
        p.notes.push_back(fmt::format("it no longer {} {}", verb, word));
      }
    }
  }
  for (const auto& [had, has, verb] :
       {std::tuple{&now.consumes, &next.consumes, "consumes"},
        std::tuple{&now.produces, &next.produces, "sends"}}) {
    for (const auto& word : missing(*had, *has)) {
      p.notes.push_back(fmt::format("it no longer {} {}", verb, word));
    }
  }
  for (const auto& [had, has, verb] :
       {std::tuple{&now.consumes, &next.consumes, "is handed"},
        std::tuple{&now.produces, &next.produces, "sends"},
        std::tuple{&now.answers, &next.answers, "answers"},
        std::tuple{&now.may_ask, &next.may_ask, "asks"},
        std::tuple{&now.may_call, &next.may_call, "reads with"},
        std::tuple{&now.proposes, &next.proposes, "proposes"},
        std::tuple{&now.offers, &next.offers, "offers"},
        std::tuple{&now.capabilities, &next.capabilities, "has the capability"}}) {
    for (const auto& word : missing(*has, *had)) {
      p.wider.push_back(fmt::format("it {} {}", verb, word));
    }
  }
  for (const auto& [name, address] : next.endpoints) {
    if (!now.endpoints.contains(name)) {
      p.wider.push_back("it is connected to " + name);
    }
  }
  if (now.executor != next.executor) {
    p.notes.push_back(fmt::format("it runs as {}, not {}", to_string(next.executor),
                                  to_string(now.executor)));
  }
  if (trust::compare_versions(is.version(), was.version()) < 0) {
    p.notes.push_back(fmt::format("{} is older than {}", is.version(), was.version()));
  }
  if (was.version() == is.version() && was.sha256_hex() != is.sha256_hex()) {
    p.notes.push_back("it is another file under the same version " + is.version());
  }
  return p;
}

} // namespace crossdock::host
