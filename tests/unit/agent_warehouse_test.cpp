#include "agent_support.hpp"

#include "../../plugins/warehouse/picking.hpp"

#include "sdk/manifest/manifest.hpp"

#include <random>

using namespace agent_test;
namespace wh = crossdock::warehouse;

namespace {

struct warehouse_node {
  distributor erp;
  fake_node node{crossdock_plugin_v1(), "warehouse"};

  warehouse_node() { erp.script(node); }

  void history(int n) {
    for (int i = 0; i < n; ++i) {
      const int due = i % 10 == 9 ? 600 : 300;
      erp.pick_days.push_back({{"site", i % 2 ? "DC" : "BR"},
                               {"date", day(i)},
                               {"lines_due", due},
                               {"lines_on_time", due == 600 ? 400 : 299},
                               {"capacity_lines", 400},
                               {"record", "pick/" + day(i)}});
    }
  }
  json ask(const std::string& kind = "transfer", const std::string& need = "2026-03-03") {
    const json q{{"options", json::array({{{"id", "o"},
                                           {"site_from", kind == "wait" ? "BR" : "DC"},
                                           {"kind", kind},
                                           {"quantity", "7"},
                                           {"need_date", need},
                                           {"args", {{"to", "BR"}}},
                                           {"ready_date", "2026-03-03"}}})}};
    CHECK(misfit("pick.feasibility", "schema", q) == "");
    const auto a = node.ask("pick.feasibility", q);
    INFO(a.error << node.error());
    REQUIRE(a.reply);
    CHECK(misfit("pick.feasibility", "answer", a.payload()) == "");
    return a.payload().at("options").at(0);
  }
};

} // namespace

TEST_CASE("a short queue in the morning is picked before the cut-off", "[warehouse]") {
  warehouse_node w;
  w.history(120);
  REQUIRE(w.node.start() >= 0);
  const auto o = w.ask();
  INFO(o.dump(2));
  CHECK(o["feasible"] == true);
  CHECK(o["probability"] > 0.8);
  CHECK(o["ship_date"] == "2026-03-02");
  CHECK(o["cutoff"] == "2026-03-02T15:00:00Z"); // 16:00 local
  CHECK(o["basis"]["n_samples"] == 120);
  CHECK(o["evidence"].size() == 5);
}

TEST_CASE("a long queue is not picked in time", "[warehouse]") {
  warehouse_node w;
  w.history(120);
  w.erp.open_pick_lines = 2000;
  w.node.start();
  CHECK(w.ask()["feasible"] == false);
}

TEST_CASE("after today's cut-off the next working day counts", "[warehouse]") {
  warehouse_node w;
  w.history(120);
  w.erp.as_of = "2026-03-06T15:30:00Z"; // Friday, 16:30 local
  w.node.start();
  const auto late = w.ask("transfer", "2026-03-09");
  CHECK(late["feasible"] == false);
  CHECK(late["probability"] == 0.0);
  const auto o = w.ask("transfer", "2026-03-10");
  CHECK(o["ship_date"] == "2026-03-09");
  CHECK(o["feasible"] == true);
}

TEST_CASE("waiting needs no pick, a substitute is picked at its own site",
          "[warehouse]") {
  warehouse_node w;
  w.history(120);
  w.node.start();
  CHECK(w.ask("wait")["probability"] == 1.0);
  CHECK(w.ask("substitute", "2026-03-02")["feasible"] == true);
}

TEST_CASE("without enough days the probability is at most 0.60 and says so",
          "[warehouse]") {
  warehouse_node w;
  SECTION("few days") {
    w.history(20);
  }
  SECTION("none") {}
  SECTION("refused") {
    w.erp.refused["erp.pick_history"] = CDK_TOOL_REFUSED;
  }
  w.node.start();
  const auto o = w.ask();
  CHECK(o["probability"] <= 0.60);
  CHECK(o["probability"] > 0.0);
  CHECK(o["quality_flags"].dump().find("unproven") != std::string::npos);
  CHECK(o["basis"].contains("notes"));
}

TEST_CASE("a question before the lesson waits for it", "[warehouse]") {
  warehouse_node w;
  w.history(120);
  w.erp.refused["erp.pick_history"] = CDK_TOOL_TRANSIENT;
  w.node.start();
  const json q{{"options", json::array({{{"id", "o"},
                                         {"site_from", "DC"},
                                         {"kind", "transfer"},
                                         {"quantity", "7"},
                                         {"need_date", "2026-03-05"}}})}};
  CHECK_FALSE(w.node.ask("pick.feasibility", q).reply);
  w.erp.refused.clear();
  w.node.advance(std::chrono::seconds{4});
  REQUIRE(w.node.replies.size() == 1);
  CHECK(w.node.replies[0].payload["options"][0]["basis"]["n_samples"] == 120);
}

TEST_CASE("pick calibration has skill over the base rate only where load decides",
          "[warehouse]") {
  constexpr unsigned seed = 20260302;
  INFO("seed " << seed);
  std::mt19937 random{seed};
  std::uniform_real_distribution<double> uniform;
  const bool signal = GENERATE(true, false);
  std::vector<wh::pick_day> days;
  for (int i = 0; i < 600; ++i) {
    wh::pick_day d;
    d.site = "DC";
    d.day = 20000 + i;
    d.capacity = 400;
    d.due = 200 + 400 * uniform(random);
    const double share = signal ? (d.due > 400 ? 0.2 : 0.98) : 0.6;
    d.on_time = std::floor(d.due * share);
    days.push_back(d);
  }
  const auto learnt = wh::experience::learn(days, 0.15);
  const auto& q = learnt.calibration().quality();
  REQUIRE(q);
  INFO("signal " << signal << " brier " << q->brier << " base " << *learnt.brier_base()
                 << " ece " << q->ece);
  CHECK(q->ece < 0.1);
  if (signal)
    CHECK(q->brier < 0.75 * *learnt.brier_base());
  else
    CHECK(q->brier > 0.97 * *learnt.brier_base());
}

TEST_CASE("warehouse: the defaults in plugin.toml are the defaults in the code",
          "[warehouse]") {
  const auto parsed = crossdock::manifest::from_toml_file(CROSSDOCK_PLUGIN_TOML);
  const auto* manifest = std::get_if<json>(&parsed);
  REQUIRE(manifest);
  json defaults;
  for (const auto& [name, p] :
       manifest->at("components")[0].at("config").at("properties").items())
    defaults[name] = p.at("default");
  const wh::settings s;
  CHECK(defaults == json{{"feasible_min", s.feasible_min},
                         {"shift_hours", s.shift_hours},
                         {"pick_rate_cv", s.pick_rate_cv},
                         {"assumed_lines_per_hour", s.assumed_lines_per_hour},
                         {"history_days", s.history_days},
                         {"refresh_hours", s.refresh_hours},
                         {"read_timeout_ms", s.read_timeout_ms}});
}
