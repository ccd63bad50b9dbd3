#include "node/admission.hpp"

#include "base/clock.hpp"
#include "trust/store.hpp"

namespace crossdock::node {
namespace {

namespace fs = std::filesystem;

/// What a plugin that nobody vouches for may ask of the node's ledger over time.
constexpr std::size_t sandboxed_effects_per_s = 500;

result<void> remember(trust::store& store, const trust::verdict& v, const json& manifest,
                      timestamp now) {
  if (store.before().knows(v.sha256) && store.before().highest(v.id) == v.version) {
    return {};
  }
  trust::staging line;
  line.at = now;
  line.by = "node";
  line.what = "admitted";
  line.id = v.id;
  line.version = v.version;
  line.sha256 = v.sha256;
  line.asks = trust::asked_by_plugin(manifest);
  line.standing = v.standing_text();
  return store.append(std::move(line));
}

} // namespace

result<admitted> admit(const config& c, const fs::path& file, const fs::path& store,
                       admitting how) {
  auto staged = host::staged_plugin::read(file);
  if (!staged) {
    return std::move(staged).error();
  }
  const auto& plugin = **staged;
  std::optional<trust::store> kept;
  std::vector<trust::named_signature> signatures;
  const trust::history nothing;
  if (c.trusted) {
    auto found = trust::signatures_beside(file);
    if (!found) {
      return std::move(found).error();
    }
    signatures = *std::move(found);
    auto opened =
        trust::store::open(store, how == admitting::remember ? trust::store::use::write
                                                             : trust::store::use::read);
    if (!opened) {
      return std::move(opened).error();
    }
    kept.emplace(*std::move(opened));
  }
  const auto now = system_clock().now();
  auto v = trust::judge({file.string(), plugin.bytes(), plugin.manifest(), signatures},
                        c.trusted.get(), listed(c), kept ? kept->before() : nothing, now);
  if (!v.admitted()) {
    return error(errc::denied, "the plugin file may not be loaded: " + v.why())
        .at("file", file.string());
  }
  if (how == admitting::remember) {
    if (auto copy = plugin.keep(store); !copy) {
      return std::move(copy).error();
    }
    if (kept) {
      if (auto r = remember(*kept, v, plugin.manifest(), now); !r) {
        return std::move(r).error();
      }
    }
  }
  return admitted{*std::move(staged), std::move(v)};
}

result<std::shared_ptr<const host::component>>
component_of(const admitted& in, const component_config& wanted, const catalogue& words) {
  auto made = host::component::from_manifest(in.file, wanted.id, wanted.config, words, wanted.grant,
                                             in.standing.highest);
  if (!made) {
    return std::move(made).error();
  }
  auto where = host::isolation({in.standing.may_run_in_process, in.standing.runs_in_process,
                                (*made)->executor, wanted.executor});
  if (!where) {
    return std::move(where).error().at("component", wanted.id);
  }
  auto out = std::make_shared<host::component>(**made);
  out->executor = *where;
  out->limits.process_bytes_max = wanted.process_bytes_max;
  out->limits.effects_per_s = wanted.effects_per_s.value_or(
      *where == host::executor_kind::process ? sandboxed_effects_per_s : 0);
  return std::shared_ptr<const host::component>(std::move(out));
}

} // namespace crossdock::node
