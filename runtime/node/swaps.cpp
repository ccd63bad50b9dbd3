#include "node/swaps.hpp"

#include "base/clock.hpp"
#include "host/rehearsal.hpp"
#include "host/staged_plugin.hpp"
#include "host/swap_plan.hpp"
#include "trust/store.hpp"

#include <fmt/format.h>

namespace crossdock::node {
namespace {

namespace fs = std::filesystem;

/// As the configuration has it; a component that it does not list has no settings.
component_config config_of(const config& c, const std::string& name) {
  for (const auto& plugin : c.plugins) {
    for (const auto& one : plugin.components) {
      if (one.id == name) {
        return one;
      }
    }
  }
  component_config out;
  out.id = name;
  return out;
}

/// Judges the file, and reads it again from the store: what runs later is what is kept
/// there. Its version does not count as one that was here until it is kept: on probation,
/// the one before it is no downgrade.
result<admitted> keep_and_admit(const config& c, const fs::path& file) {
  const auto store = c.data / "plugins";
  auto first = admit(c, file, store, admitting::look);
  if (!first) {
    return first;
  }
  auto kept = first->file->keep(store);
  if (!kept) {
    return std::move(kept).error();
  }
  if (c.trusted && *kept != file) {
    auto signatures = trust::signatures_beside(file);
    if (!signatures) {
      return std::move(signatures).error();
    }
    auto opened = trust::store::open(store, trust::store::use::write);
    if (!opened) {
      return std::move(opened).error();
    }
    if (auto put =
            opened->put(file.filename().string(), first->file->bytes(), *signatures);
        !put) {
      return std::move(put).error();
    }
  }
  return admit(c, *kept, store, admitting::look);
}

/// An older file may be loaded again: on the store's record, with the reason. Nothing is
/// written if it may be anyway.
result<void> allow_older(const config& c, const host::staged_plugin& file,
                         const std::string& by, const std::string& reason) {
  if (!c.trusted) {
    return {};
  }
  auto store = trust::store::open(c.data / "plugins", trust::store::use::write);
  if (!store) {
    return std::move(store).error();
  }
  if (store->before().new_enough(file.id(), file.version(), file.sha256_hex())) {
    return {};
  }
  trust::staging line;
  line.at = system_clock().now();
  line.by = by;
  line.what = "staged";
  line.id = file.id();
  line.version = file.version();
  line.sha256 = file.sha256_hex();
  line.asks = trust::asked_by_plugin(file.manifest());
  line.downgrade_reason = reason;
  return store->append(std::move(line));
}

/// The version of `file` counts as one that was here from now on. What the configuration
/// names is older then, and may be loaded all the same: each start reads it.
result<admitted> remember_kept(const config& c, const fs::path& file,
                               const host::staged_plugin& configured,
                               const std::string& by) {
  auto in = admit(c, file, c.data / "plugins", admitting::remember);
  if (!in) {
    return in;
  }
  if (auto r = allow_older(c, configured, by,
                           in->file->release() + " took over from what is configured");
      !r) {
    return std::move(r).error();
  }
  return in;
}

/// Questions and tools that others than `name` ask of whoever answers them.
std::set<std::string> relied_on(const components_in_force& all, const rules& now,
                                const std::string& name) {
  std::set<std::string> out;
  for (const auto& c : all.now()) {
    if (c->name != name) {
      out.insert(c->may_ask.begin(), c->may_ask.end());
      out.insert(c->may_call.begin(), c->may_call.end());
      out.insert(c->proposes.begin(), c->proposes.end());
    }
  }
  for (const auto& f : now.cases.definitions) {
    for (const auto& step : f->steps()) {
      if (const auto* ask = std::get_if<flow::ask_step>(&step.what)) {
        out.insert(ask->question);
      }
    }
  }
  return out;
}

json list_of(const std::vector<std::string>& sentences) {
  return json(sentences);
}

/// Whether the node was told to end when it ended last.
result<bool> ended_in_order(ledger::connection& db) {
  auto rows = db.query(
      "SELECT header FROM record WHERE kind = 'node' ORDER BY seq DESC LIMIT 1", {});
  if (!rows) {
    return std::move(rows).error();
  }
  if (rows->empty()) {
    return true;
  }
  auto header = parse_json(rows->front().text(0));
  return header && header->contains("detail") &&
         text_or((*header)["detail"], "what") == "stopped";
}

} // namespace

result<swaps::target> swaps::judge(const json& wanted) {
  const auto file = text_or(wanted, "file");
  if (file.empty()) {
    return error(errc::invalid, "which file? the parameter \"file\" is missing")
        .at("field", "file");
  }
  const auto& in_force = env_.rules->now()->source;
  // The list of allowed files and the keys are read again: a new file is allowed by them.
  auto fresh = read_config(in_force.file);
  if (!fresh) {
    return std::move(fresh).error();
  }
  auto admitted = keep_and_admit(*fresh, file);
  if (!admitted) {
    return std::move(admitted).error();
  }
  auto name = text_or(wanted, "component");
  if (name.empty()) {
    std::vector<std::string> here;
    for (const auto& one :
         admitted->file->manifest().value("components", json::array())) {
      if (const auto id = text_or(one, "id"); env_.components->find(id)) {
        here.push_back(id);
      }
    }
    if (here.size() != 1) {
      return error(errc::invalid,
                   here.empty() ? "none of its components runs on this node"
                                : "more than one of its components runs here: name one")
          .at("file", file)
          .at("field", "component");
    }
    name = here.front();
  }
  target t;
  t.now = env_.components->find(name);
  if (!t.now) {
    return error(errc::not_found, "no component \"" + name + "\" runs on this node")
        .at("field", "component");
  }
  // Its settings are those it runs with: what the configuration file says of it now is a
  // change of its own.
  auto next = component_of(*admitted, config_of(in_force, name), *env_.words);
  if (!next) {
    return std::move(next).error();
  }
  t.next = *next;
  t.standing = admitted->standing.to_json();
  env_.components->note_standing(t.next->file->sha256_hex(), t.standing);
  return t;
}

result<json> swaps::rehearse(const target& t, std::chrono::seconds window) {
  auto db = env_.store->reader();
  if (!db) {
    return std::move(db).error();
  }
  host::rehearsal r;
  r.now = t.now;
  r.next = t.next;
  r.words = env_.words;
  r.since = env_.time->now() - window;
  r.plugin_host = env_.rules->now()->source.plugin_host;
  return host::rehearse(**db, r);
}

result<json> swaps::swap(const std::string& by, const json& wanted) {
  auto t = judge(wanted);
  if (!t) {
    return std::move(t).error();
  }
  const auto& name = t->now->name;
  if (const auto agreed = text_or(wanted, "sha256");
      !agreed.empty() && agreed != t->next->file->sha256_hex()) {
    return error(errc::conflict, "the file is another one than was looked at. Nothing was "
                                 "changed")
        .at("file", text_or(wanted, "file"));
  }
  const auto plan = host::plan_swap(
      *t->now, *t->next, relied_on(*env_.components, *env_.rules->now(), name));
  json out{
      {"component", name},
      {"from", t->now->file->release()},
      {"to", t->next->file->release()},
      {"sha256", t->next->file->sha256_hex()},
      {"executor", host::to_string(t->next->executor)},
      {"in_flight", t->now->in_flight == host::in_flight::wait     ? "wait"
                    : t->now->in_flight == host::in_flight::cancel ? "cancel"
                                                                   : "carry"},
      {"state_schema", {{"from", t->now->state_schema}, {"to", t->next->state_schema}}},
      {"wider", list_of(plan.wider)},
      {"notes", list_of(plan.notes)},
      {"standing", t->standing},
      {"dry_run", wanted.value("dry_run", false)}};
  if (!plan.refused.empty()) {
    error why(errc::conflict, t->next->file->release() + " cannot take over: " +
                                  plan.refused.front() + ". Nothing was changed");
    for (std::size_t i = 1; i < plan.refused.size(); ++i) {
      why.at("also", plan.refused[i]);
    }
    return why;
  }
  const std::chrono::seconds window(wanted.value("rehearse_s", std::int64_t{3600}));
  const std::chrono::seconds probation(wanted.value("probation_s", std::int64_t{900}));
  if (window.count() < 0 || probation.count() < 1 || probation.count() > 86'400 * 7) {
    return error(errc::invalid,
                 "a rehearsal covers 0 s or more, a probation 1 s to 7 days")
        .at("field", window.count() < 0 ? "rehearse_s" : "probation_s");
  }
  if (t->next->connector) {
    out["rehearsal"] = {{"left_out",
                         "a connector is not rehearsed: it would speak to the "
                         "system of record"}};
  } else if (window.count() > 0) {
    auto seen = rehearse(*t, window);
    if (!seen) {
      return std::move(seen).error().at("rehearsal", "nothing was changed");
    }
    out["rehearsal"] = *seen;
    const std::lock_guard lock(mutex_);
    auto summary = *seen;
    summary.erase("differences");
    rehearsed_[t->next->file->sha256_hex()] = summary;
  }
  if (out["dry_run"].get<bool>()) {
    return out;
  }
  if (!plan.wider.empty() && !wanted.value("accept_wider", false)) {
    return error(errc::denied, "it asks for more than the running version has (" +
                                   plan.wider.front() +
                                   (plan.wider.size() > 1 ? ", ..." : "") +
                                   "), and nobody accepted that. Nothing was changed")
        .at("remedy", "look at it with --dry-run, then --accept-wider");
  }
  if (const auto most = wanted.find("max_differing");
      most != wanted.end() && most->is_number_integer() && out.contains("rehearsal") &&
      out["rehearsal"].value("differ", std::int64_t{0}) > most->get<std::int64_t>()) {
    return error(
        errc::conflict,
        fmt::format("{} of {} recorded steps would end differently, and at most {} may. "
                    "Nothing was changed",
                    out["rehearsal"]["differ"].get<std::int64_t>(),
                    out["rehearsal"]["compared"].get<std::int64_t>(),
                    most->get<std::int64_t>()));
  }
  auto order = std::make_shared<host::replacement>();
  order->next = t->next;
  order->by = by;
  order->probation = probation;
  if (const auto it = env_.configured.find(name); it != env_.configured.end()) {
    order->configured = it->second;
  }
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = rehearsed_.find(t->next->file->sha256_hex());
        it != rehearsed_.end()) {
      order->detail = it->second;
    }
  }
  auto done = told(env_.replace(env_.shell(name), order));
  if (!done) {
    return done;
  }
  out.update(*done);
  return out;
}

result<json> swaps::reconfigure(const std::string& by, const config& fresh,
                                const std::vector<std::string>& components,
                                bool dry_run) {
  std::vector<std::shared_ptr<host::replacement>> orders;
  json out = json::array();
  for (const auto& name : components) {
    const auto now = env_.components->find(name);
    if (!now) {
      return error(errc::not_found, "no component \"" + name + "\" runs on this node");
    }
    auto in = admit(fresh, now->file->file(), fresh.data / "plugins", admitting::look);
    if (!in) {
      return std::move(in).error();
    }
    auto next = component_of(*in, config_of(fresh, name), *env_.words);
    if (!next) {
      return std::move(next).error();
    }
    const auto plan = host::plan_swap(
        *now, **next, relied_on(*env_.components, *env_.rules->now(), name));
    if (!plan.refused.empty()) {
      return error(errc::conflict, name + ": " + plan.refused.front());
    }
    auto order = std::make_shared<host::replacement>();
    order->next = *next;
    order->by = by;
    order->detail = {{"settings", "changed"}, {"file_sha256", fresh.sha256}};
    if (const auto it = env_.configured.find(name); it != env_.configured.end()) {
      order->configured = it->second;
    }
    orders.push_back(std::move(order));
    out.push_back({{"component", name},
                   {"wider", list_of(plan.wider)},
                   {"notes", list_of(plan.notes)}});
  }
  for (std::size_t i = 0; i < orders.size() && !dry_run; ++i) {
    auto done = told(env_.replace(env_.shell(components[i]), orders[i]));
    if (!done) {
      for (; i > 0; --i) {
        static_cast<void>(env_.end_probation(
            env_.shell(components[i - 1]),
            {false, by, "another component did not take its new settings"}));
      }
      return std::move(done).error();
    }
    out[i].update(*done);
  }
  return out;
}

result<json> swaps::told(const answer& a) const {
  if (a.code != 0) {
    return error(static_cast<errc>(a.code), a.text);
  }
  auto parsed = parse_json(a.text);
  return parsed;
}

result<json> swaps::keep(const std::string& by, const json& wanted) {
  const auto name = text_or(wanted, "component");
  if (!env_.components->find(name)) {
    return error(errc::not_found, "no component \"" + name + "\" runs on this node")
        .at("field", "component");
  }
  auto kept = told(env_.end_probation(env_.shell(name), {true, by, ""}));
  if (kept) {
    const auto& c = env_.rules->now()->source;
    const auto configured = env_.configured_file(name);
    if (auto r =
            remember_kept(c, env_.components->find(name)->file->file(), *configured, by);
        !r) {
      (*kept)["warning"] = r.error().describe();
    }
  }
  return kept;
}

result<json> swaps::back(const std::string& by, const json& wanted) {
  const auto name = text_or(wanted, "component");
  const auto now = env_.components->find(name);
  if (!now) {
    return error(errc::not_found, "no component \"" + name + "\" runs on this node")
        .at("field", "component");
  }
  const auto tried =
      env_.end_probation(env_.shell(name), {false, by, text_or(wanted, "reason")});
  if (tried.code != static_cast<std::int32_t>(errc::conflict)) {
    return told(tried);
  }
  // It is not on probation (any more).
  std::optional<host::release_row> row;
  {
    auto db = env_.store->reader();
    if (!db) {
      return std::move(db).error();
    }
    auto found = host::release_row_of(**db, name);
    if (!found) {
      return std::move(found).error();
    }
    row = *found;
  }
  if (!row || row->previous_file.empty()) {
    return error(errc::conflict, "nothing took over from another version of " + name +
                                     ": there is nothing to go back to");
  }
  // Later the way back is a swap of its own, with all that belongs to one.
  auto before = host::staged_plugin::read(row->previous_file);
  if (!before) {
    return std::move(before).error();
  }
  const auto reason = text_or(wanted, "reason");
  if (auto r = allow_older(env_.rules->now()->source, **before, by,
                           reason.empty() ? "plugin rollback" : reason);
      !r) {
    return std::move(r).error();
  }
  json swap_back = wanted;
  swap_back["file"] = row->previous_file;
  swap_back["accept_wider"] = true; // it had these rights before
  return swap(by, swap_back);
}

result<restored> restore_releases(const config& c, ledger::store& store,
                                  components_in_force& configured,
                                  const catalogue& words) {
  restored out;
  auto db = store.reader();
  if (!db) {
    return std::move(db).error();
  }
  auto rows = host::release_rows(**db);
  if (!rows) {
    return std::move(rows).error();
  }
  const auto in_order = ended_in_order(**db);
  if (!in_order) {
    return std::move(in_order).error();
  }
  const auto load = [&](const std::string& name, const std::string& file,
                        const std::string& sha256,
                        admitting how) -> result<std::shared_ptr<const host::component>> {
    auto in = how == admitting::look
                  ? admit(c, file, c.data / "plugins", how)
                  : remember_kept(c, file, *configured.find(name)->file, "node");
    if (!in) {
      return std::move(in).error();
    }
    if (in->file->sha256_hex() != sha256) {
      return error(errc::corrupt, "the file is not the one that took over")
          .at("file", file);
    }
    configured.note_standing(sha256, in->standing.to_json());
    return component_of(*in, config_of(c, name), words);
  };
  for (const auto& row : *rows) {
    const auto named = configured.find(row.component);
    if (!named) {
      continue; // it is not configured any more
    }
    if (named->file->sha256_hex() != row.configured) {
      out.warnings.push_back(row.component +
                             ": the configuration names another file than "
                             "when " +
                             row.file + " took over, so that is what runs");
      continue;
    }
    auto running = load(row.component, row.file, row.sha256,
                        row.on_probation ? admitting::look : admitting::remember);
    if (!running) {
      out.warnings.push_back(
          row.component + ": " + row.file +
          " took over and cannot run any more, so what the configuration "
          "names does: " +
          running.error().describe());
      continue;
    }
    out.running.emplace(row.component, *running);
    if (!row.on_probation) {
      continue;
    }
    auto before = row.previous_sha256 == row.configured
                      ? result<std::shared_ptr<const host::component>>(named)
                      : load(row.component, row.previous_file, row.previous_sha256,
                             admitting::look);
    if (!before) {
      out.warnings.push_back(row.component + ": there is no way back any more: " +
                             before.error().describe());
      continue;
    }
    out.previous.emplace(row.component, *before);
    if (!*in_order && (*running)->executor != host::executor_kind::process) {
      out.take_back.insert(row.component);
    }
  }
  return out;
}

} // namespace crossdock::node
