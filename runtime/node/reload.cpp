#include "node/reload.hpp"

#include "base/digest.hpp"
#include "flow/single_proposal.hpp"
#include "flow/store.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace crossdock::node {
namespace {

constexpr const char* restart = "this cannot change while the node runs: restart it to "
                                "apply the file, or put the old "
                                "value back";

/// What may hold a secret is named, never shown.
bool may_hold_secrets(std::string_view field) {
  return field.starts_with("plugin.");
}

std::string value_text(const json* value, std::string_view field) {
  if (value == nullptr) {
    return "";
  }
  if (may_hold_secrets(field)) {
    return "(not shown)";
  }
  return value->is_string() ? value->get<std::string>() : to_text(*value);
}

/// Parts that are compared by what they mean. Whatever else a file may hold, now or in
/// later versions, needs a restart unless it is named here.
bool may_change(std::string_view field) {
  for (const std::string_view live : {"policy", "autonomy", "flow", "principal"}) {
    if (field == live || (field.starts_with(live) && field[live.size()] == '.')) {
      return true;
    }
  }
  return field == "node.log_level";
}

void walk(const json* before, const json* after, const std::string& field,
          std::vector<change>& out) {
  if (may_change(field) || (before != nullptr && after != nullptr && *before == *after)) {
    return;
  }
  const auto kind_is = [&](auto is) {
    return (before == nullptr || (before->*is)()) && (after == nullptr || (after->*is)());
  };
  const auto below = [&](const std::string& name) {
    return field.empty() ? name : field + "." + name;
  };
  if (kind_is(&json::is_object)) {
    std::set<std::string> names;
    for (const auto* side : {before, after}) {
      if (side != nullptr) {
        for (const auto& [name, value] : side->items()) {
          names.insert(name);
        }
      }
    }
    const auto member = [](const json* side, const std::string& name) {
      return side != nullptr && side->contains(name) ? &(*side)[name] : nullptr;
    };
    for (const auto& name : names) {
      walk(member(before, name), member(after, name), below(name), out);
    }
    return;
  }
  if (kind_is(&json::is_array)) {
    const auto size = [](const json* side) { return side == nullptr ? 0 : side->size(); };
    const auto item = [](const json* side, std::size_t i) {
      return side != nullptr && i < side->size() ? &(*side)[i] : nullptr;
    };
    for (std::size_t i = 0; i < std::max(size(before), size(after)); ++i) {
      walk(item(before, i), item(after, i), below(std::to_string(i)), out);
    }
    return;
  }
  out.push_back({field, value_text(before, field), value_text(after, field)});
}

std::string described(const flow::definition& d) {
  return d.name() + " sha256:" + to_hex(sha256_of(d.source())).substr(0, 16);
}

std::string described(const gate::policy& p) {
  return p.name() + " sha256:" + p.sha256().substr(0, 16);
}

std::string described(const api::principal& p) {
  std::string roles;
  for (const auto& r : p.roles) {
    roles += (roles.empty() ? "" : ", ") + r;
  }
  return "uid " + std::to_string(p.uid) + ", roles " + roles;
}

using table = std::map<std::string, std::string>;

void compare(const std::string& prefix, const table& before, const table& after,
             std::vector<change>& out) {
  for (const auto& [name, value] : before) {
    const auto it = after.find(name);
    if (it == after.end() || it->second != value) {
      out.push_back({prefix + name, value, it == after.end() ? "" : it->second});
    }
  }
  for (const auto& [name, value] : after) {
    if (!before.contains(name)) {
      out.push_back({prefix + name, "", value});
    }
  }
}

table flows_of(const std::vector<flow::definition_ptr>& list) {
  table out;
  for (const auto& d : list) {
    out[d->id()] = described(*d);
  }
  return out;
}

table levels_of(const gate::autonomy_table& levels) {
  table out;
  for (const auto& [who, level] : levels) {
    out[who] = gate::to_string(level);
  }
  return out;
}

/// Numbered, since a name may stand for several user ids and the order decides who one is
/// without --as.
table people_of(const std::vector<principal_config>& list) {
  table out;
  std::size_t i = 0;
  for (const auto& p : list) {
    out[std::to_string(i++) + "." + p.name] =
        described(api::principal{p.name, p.uid, p.roles});
  }
  return out;
}

json to_json(const std::vector<change>& list) {
  json out = json::array();
  for (const auto& c : list) {
    out.push_back({{"field", c.field}, {"from", c.from}, {"to", c.to}});
  }
  return out;
}

/// The digests that say which configuration this is.
json identity(const rules& r) {
  json flows = json::array();
  for (const auto& d : r.cases.definitions) {
    flows.push_back({{"flow", d->id()},
                     {"version", d->version()},
                     {"sha256", to_hex(sha256_of(d->source()))}});
  }
  return {{"file_sha256", r.source.sha256},
          {"policy_sha256", r.cases.policy.sha256()},
          {"flows", std::move(flows)}};
}

error all_of(const std::vector<std::string>& problems,
             const std::filesystem::path& file) {
  error out(errc::invalid,
            problems.size() == 1
                ? "the configuration is wrong, nothing was changed: " + problems.front()
                : "the configuration has " + std::to_string(problems.size()) +
                      " problems, nothing was changed. The first: " + problems.front());
  for (std::size_t i = 1; i < problems.size(); ++i) {
    out.at("problem " + std::to_string(i + 1), problems[i]);
  }
  out.at("file", file.string());
  return out;
}

error all_of(const std::vector<change>& refused, const std::filesystem::path& file) {
  error out(errc::denied,
            refused.front().field + ": " + restart + ". Nothing was changed" +
                (refused.size() == 1 ? std::string()
                                     : "; the same holds for " +
                                           std::to_string(refused.size() - 1) + " more"));
  for (std::size_t i = 1; i < refused.size(); ++i) {
    out.at("field " + std::to_string(i + 1), refused[i].field);
  }
  out.at("field", refused.front().field);
  out.at("file", file.string());
  return out;
}

/// What of a component changes as a swap to the same file does.
constexpr std::array settings{"config", "grant", "executor", "process_memory_mib",
                              "effects_per_s"};

/// Components of the same files whose settings differ; these settings are made equal in
/// `after`, so that what else differs is found.
std::vector<change> take_settings(const json& before, json& after,
                                  std::vector<std::string>& components) {
  std::vector<change> out;
  const auto list_of = [](const json& in, const char* name) {
    const auto it = in.find(name);
    return it != in.end() && it->is_array() ? it->size() : 0;
  };
  for (std::size_t i = 0;
       i < std::min(list_of(before, "plugin"), list_of(after, "plugin")); ++i) {
    const auto& was = before["plugin"][i];
    auto& is = after["plugin"][i];
    for (std::size_t j = 0;
         j < std::min(list_of(was, "component"), list_of(is, "component")); ++j) {
      const auto& a = was["component"][j];
      auto& b = is["component"][j];
      if (text_or(a, "id") != text_or(b, "id") ||
          text_or(was, "file") != text_or(is, "file")) {
        continue;
      }
      bool differs = false;
      for (const auto* name : settings) {
        const auto x = a.find(name);
        const auto y = b.find(name);
        const auto was_there = x != a.end();
        const auto is_there = y != b.end();
        if (was_there == is_there && (!was_there || *x == *y)) {
          continue;
        }
        differs = true;
        out.push_back({"plugin." + std::to_string(i) + ".component." + text_or(a, "id") +
                           "." + name,
                       was_there ? "(not shown)" : "", is_there ? "(not shown)" : ""});
        if (was_there) {
          b[name] = *x;
        } else {
          b.erase(name);
        }
      }
      if (differs) {
        components.push_back(text_or(a, "id"));
      }
    }
  }
  return out;
}

} // namespace

std::shared_ptr<const rules> make_rules(config source, gate::policy policy,
                                        std::vector<flow::definition_ptr> flows) {
  std::vector<api::principal> people;
  for (const auto& p : source.principals) {
    people.push_back({p.name, p.uid, p.roles});
  }
  auto levels = source.autonomy;
  return std::make_shared<const rules>(rules{std::move(source),
                                             {policy, std::move(levels)},
                                             {std::move(flows), policy},
                                             std::move(people)});
}

std::vector<change> fixed_differences(const json& before, const json& after) {
  std::vector<change> out;
  walk(&before, &after, "", out);
  return out;
}

difference differences(const rules& before, const checked& after) {
  const auto& old = before.source;
  const auto& fresh = *after.source;
  difference d;
  auto rest = fresh.document;
  d.changes = take_settings(old.document, rest, d.components);
  d.refused = fixed_differences(old.document, rest);
  if (old.allowed != fresh.allowed && d.refused.empty()) {
    d.refused.push_back({"plugins.lock", "", ""});
  }
  const auto trusts = [](const config& c) {
    return c.trusted ? c.trusted->sha256 : std::string();
  };
  if (trusts(old) != trusts(fresh) && d.refused.empty()) {
    d.refused.push_back({"plugins.trust", trusts(old), trusts(fresh)});
  }
  auto& changes = d.changes;
  if (old.log_level != fresh.log_level) {
    changes.push_back({"node.log_level", old.log_level, fresh.log_level});
  }
  if (before.cases.policy.sha256() != after.policy->sha256()) {
    changes.push_back(
        {"policy", described(before.cases.policy), described(*after.policy)});
  } else if (old.policy != fresh.policy) {
    changes.push_back({"policy.file", old.policy.string(), fresh.policy.string()});
  }
  compare("flow.", flows_of(before.cases.definitions), flows_of(after.flows), changes);
  compare("autonomy.", levels_of(old.autonomy), levels_of(fresh.autonomy), changes);
  compare("principal.", people_of(old.principals), people_of(fresh.principals), changes);
  return d;
}

result<void> reloader::check_versions(const std::vector<flow::definition_ptr>& flows) {
  auto db = env_.store->reader();
  if (!db) {
    return std::move(db).error();
  }
  for (const auto& d : flows) {
    const auto known = flow::find_definition(**db, d->id(), d->version());
    if (known && (*known)->source() != d->source()) {
      return error(
                 errc::invalid,
                 "version " + std::to_string(d->version()) + " of the flow \"" + d->id() +
                     "\" was in force with another text, and cases rest on it: give the "
                     "changed file a new version. Nothing was changed")
          .at("flow", d->name())
          .at("field", "flow.version");
    }
  }
  return {};
}

result<json> reloader::reload(const std::string& by, bool dry_run) {
  const std::lock_guard alone(one_at_a_time_);
  const auto before = env_.in_force->now();
  const auto& file = before->source.file;
  auto after = check_file(file);
  if (!after.problems.empty()) {
    return all_of(after.problems, file);
  }
  after.flows.push_back(flow::single_proposal()); // built in, so in no file
  auto d = differences(*before, after);
  for (std::size_t i = 0; i < after.plugin_sha256.size() && d.refused.empty(); ++i) {
    if (!env_.running_plugins.contains(after.plugin_sha256[i])) {
      d.refused.push_back({"plugin." + std::to_string(i) + ".file", "", ""});
    }
  }
  if (d.refused.empty()) {
    const auto words = sha256_of_folder(after.source->catalogue);
    if (!words || *words != env_.catalogue_sha256) {
      d.refused.push_back({"node.catalogue", "", ""});
    }
  }
  if (!d.refused.empty()) {
    return all_of(d.refused, file);
  }
  if (auto r = check_versions(after.flows); !r) {
    return std::move(r).error();
  }
  // A flow whose text is the same stays the same object: its cases just beginning go on.
  for (auto& fresh : after.flows) {
    for (const auto& old : before->cases.definitions) {
      if (old->name() == fresh->name() && old->source() == fresh->source()) {
        fresh = old;
      }
    }
  }
  auto routes = env_.routes(after.flows);
  if (!routes) {
    return std::move(routes).error().at("file", file.string());
  }
  json reconfigured = json::array();
  if (!d.components.empty()) {
    auto done = env_.reconfigure(by, *after.source, d.components, dry_run);
    if (!done) {
      return std::move(done).error().at("file", file.string());
    }
    reconfigured = *std::move(done);
    routes = env_.routes(after.flows); // by what they are granted now
    if (!routes) {
      return std::move(routes).error().at("file", file.string());
    }
  }
  const bool changed =
      !d.changes.empty() || before->source.sha256 != after.source->sha256;
  json told{{"changed", changed},
            {"dry_run", dry_run},
            {"changes", to_json(d.changes)},
            {"components", std::move(reconfigured)},
            {"warnings", after.warnings}};
  if (dry_run || !changed) {
    return told;
  }
  const auto next = make_rules(*std::move(after.source), *std::move(after.policy),
                               std::move(after.flows));
  auto seq = put_in_force(by, next, *std::move(routes), d);
  if (!seq) {
    return std::move(seq).error();
  }
  env_.after(*next);
  told["seq"] = *seq;
  return told;
}

result<std::uint64_t>
reloader::put_in_force(const std::string& by, const std::shared_ptr<const rules>& next,
                       std::shared_ptr<const dispatch::routes> routes,
                       const difference& d) {
  const std::unique_lock no_acts(acts_);
  ledger::record r;
  r.kind = "config";
  r.cls = ledger::record_class::a;
  r.source = by;
  r.target = next->source.name;
  r.tenant = next->source.tenant;
  r.principal = by;
  r.detail = {{"what", "reloaded"},
              {"before", identity(*env_.in_force->now())},
              {"after", identity(*next)}};
  r.body = to_text(json{{"changes", to_json(d.changes)}});
  ledger::unit u;
  u.name = "node.reload";
  u.cls = ledger::record_class::a;
  u.apply = [r = std::move(r), next, routes = std::move(routes), exchange = env_.exchange,
             in_force = env_.in_force](ledger::transaction& tx) -> result<void> {
    for (const auto& definition : next->cases.definitions) {
      if (auto kept = flow::remember(tx, *definition); !kept) {
        return kept;
      }
    }
    if (auto seq = tx.append(r); !seq) {
      return std::move(seq).error();
    }
    // Before the next unit is applied: what is recorded after this is decided by it.
    tx.on_applied([next, routes, exchange, in_force] {
      exchange->set_routes(routes);
      in_force->put(next);
    });
    return {};
  };
  auto done = env_.store->commit(std::move(u));
  if (!done) {
    return std::move(done).error();
  }
  return done->first_seq;
}

} // namespace crossdock::node
