// A configuration that changes: what may, what may not, and that nothing is applied in
// part.
#include <catch2/catch.hpp>

#include "base/ids.hpp"
#include "flow/store.hpp"
#include "ledger_fixture.hpp"
#include "node/reload.hpp"
#include "flow/single_proposal.hpp"

#include <fstream>
#include <sstream>

using namespace crossdock;
using Catch::Contains;
using crossdock::ledger::testing::temporary_directory;
namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

void replace(const fs::path& file, const std::string& from, const std::string& to) {
  auto text = read(file);
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  write(file, text.replace(at, from.size(), to));
}

/// A folder with a configuration without plugins, a ledger, and a reloader on both.
struct fixture {
  temporary_directory dir;
  fs::path file = dir.path() / "node.toml";
  fs::path policy = dir.path() / "policy.toml";
  fs::path flow = dir.path() / "flow.toml";
  std::shared_ptr<ledger::store> store;
  std::shared_ptr<dispatch::exchange> exchange;
  std::shared_ptr<node::rules_in_force> rules;
  std::unique_ptr<node::reloader> reloader;
  int applied = 0;

  fixture() {
    const std::string root = TEST_SOURCE_FOLDER;
    fs::copy_file(root + "/config/policies/demo.toml", policy);
    fs::copy_file(root + "/config/flows/backorder-prevention.toml", flow);
    write(file,
          "[node]\nname = \"n\"\ndata = \"data\"\nlog_level = \"info\"\ncatalogue = \"" +
              root +
              "/config/catalogue\"\n[policy]\nfile = \"policy.toml\"\n"
              "[[autonomy]]\nlevel = \"approve\"\n[[flow]]\nfile = \"flow.toml\"\n"
              "[[principal]]\nname = \"maria\"\nuid = 1000\nroles = [\"operator\"]\n");
    auto read_first = node::check_file(file);
    for (const auto& p : read_first.problems) {
      FAIL(p);
    }
    auto o = ledger::testing::test_options(dir.path() / "ledger");
    o.migrations = dispatch::exchange::migrations();
    for (auto& m : crossdock::flow::migrations()) {
      o.migrations.push_back(m);
    }
    store = ledger::testing::open_store(o);
    exchange = std::make_shared<dispatch::exchange>(
        std::make_shared<id_source>(o.time, o.random), "default");
    auto in_force = read_first.flows;
    in_force.push_back(crossdock::flow::single_proposal()); // as a node does
    rules = std::make_shared<node::rules_in_force>(
        node::make_rules(*read_first.source, *read_first.policy, std::move(in_force)));
    ledger::unit u;
    u.name = "test.remember";
    u.apply = [flows = read_first.flows](ledger::transaction& tx) -> result<void> {
      for (const auto& f : flows) {
        if (auto r = crossdock::flow::remember(tx, *f); !r) {
          return r;
        }
      }
      return {};
    };
    REQUIRE(store->commit(std::move(u)));
    node::reload_environment env;
    env.store = store;
    env.exchange = exchange;
    env.in_force = rules;
    env.catalogue_sha256 = *node::sha256_of_folder(read_first.source->catalogue);
    env.routes = [](const std::vector<crossdock::flow::definition_ptr>& flows)
        -> result<std::shared_ptr<const dispatch::routes>> {
      auto out = std::make_shared<dispatch::routes>();
      for (const auto& f : flows) {
        out->topics[f->trigger_topic()] = {"flow"};
      }
      return std::shared_ptr<const dispatch::routes>(out);
    };
    env.after = [this](const node::rules&) { ++applied; };
    reloader = std::make_unique<node::reloader>(std::move(env));
  }

  std::vector<json> records() const {
    auto db = store->reader();
    std::vector<json> out;
    const auto found = ledger::read_records(**db, 1, 1000, 1000);
    REQUIRE(found);
    for (const auto& r : *found) {
      out.push_back(json::parse(r.header));
    }
    return out;
  }

  /// Refused with these words, and everything as it was.
  void refuses(errc code, const std::string& words) {
    const auto before = rules->now();
    const auto routes = exchange->current_routes();
    const auto r = reloader->reload("person:maria", false);
    REQUIRE_FALSE(r);
    INFO(r.error().describe());
    CHECK(r.error().code() == code);
    CHECK_THAT(r.error().describe(), Contains(words));
    CHECK_THAT(r.error().describe(), Contains("othing was changed"));
    CHECK(rules->now() == before);
    CHECK(exchange->current_routes() == routes);
    CHECK(records().empty());
    CHECK(applied == 0);
    const auto trial = reloader->reload("person:maria", true);
    CHECK_FALSE(trial);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "an unchanged file changes nothing and records nothing",
                 "[reload]") {
  const auto before = rules->now();
  const auto r = reloader->reload("person:maria", false);
  REQUIRE(r);
  CHECK_FALSE((*r)["changed"].get<bool>());
  CHECK(rules->now() == before);
  CHECK(records().empty());
}

TEST_CASE_METHOD(fixture, "what may change is applied together and recorded once",
                 "[reload]") {
  const auto before = rules->now();
  write(policy, read(policy) + "\n# another text\n");
  replace(flow, "version = 2", "version = 3");
  replace(file, "level = \"approve\"", "level = \"recommend\"");
  replace(file, "log_level = \"info\"", "log_level = \"debug\"");
  replace(file, "roles = [\"operator\"]", "roles = [\"team-lead\"]");
  const auto trial = reloader->reload("person:maria", true);
  REQUIRE(trial);
  CHECK((*trial)["dry_run"] == true);
  CHECK(rules->now() == before);
  CHECK(records().empty());

  const auto r = reloader->reload("person:maria", false);
  REQUIRE(r);
  std::set<std::string> fields;
  for (const auto& c : (*r)["changes"]) {
    fields.insert(c["field"]);
  }
  CHECK(fields == std::set<std::string>{"policy", "flow.backorder-prevention",
                                        "autonomy.* *", "node.log_level",
                                        "principal.0.maria"});
  const auto now = rules->now();
  CHECK(now != before);
  CHECK(now->judging.in_force.sha256() != before->judging.in_force.sha256());
  CHECK(now->cases.definitions.front()->version() == 3);
  CHECK(now->principals.front().roles == std::vector<std::string>{"team-lead"});
  CHECK(applied == 1);

  const auto all = records();
  REQUIRE(all.size() == 1);
  const auto& record = all.front();
  CHECK(record["kind"] == "config");
  CHECK(record["class"] == "A");
  CHECK(record["principal"] == "person:maria");
  CHECK(record["seq"] == (*r)["seq"]);
  const auto& detail = record["detail"];
  CHECK(detail["before"]["policy_sha256"] == before->judging.in_force.sha256());
  CHECK(detail["after"]["policy_sha256"] == now->judging.in_force.sha256());
  CHECK(detail["before"]["flows"][0]["version"] == 2);
  CHECK(detail["after"]["flows"][0]["version"] == 3);
  CHECK(detail["before"]["file_sha256"] != detail["after"]["file_sha256"]);
}

TEST_CASE_METHOD(fixture, "one wrong part keeps the others out too", "[reload]") {
  write(policy, read(policy) + "\n# another text\n");
  write(flow, "this is no flow");
  refuses(errc::invalid, "flow.toml");
}

TEST_CASE_METHOD(fixture, "every problem is named, not the first alone", "[reload]") {
  write(policy, "nonsense = [");
  write(flow, "nonsense = [");
  const auto r = reloader->reload("person:maria", false);
  REQUIRE_FALSE(r);
  CHECK_THAT(r.error().describe(), Contains("policy.toml") && Contains("flow.toml"));
}

TEST_CASE_METHOD(fixture, "what needs a restart is refused by its field's name",
                 "[reload]") {
  const auto [from, to, field] = GENERATE(table<std::string, std::string, std::string>(
      {{"name = \"n\"", "name = \"m\"", "node.name"},
       {"data = \"data\"", "data = \"other\"", "node.data"},
       {"data = \"data\"", "data = \"data\"\nsocket = \"s\"", "node.socket"},
       {"data = \"data\"", "data = \"data\"\nthreads = 3", "node.threads"},
       {"data = \"data\"", "data = \"data\"\ntenant = \"t\"", "node.tenant"}}));
  // Together with something that could change: the whole is refused.
  replace(file, "level = \"approve\"", "level = \"recommend\"");
  replace(file, from, to);
  refuses(errc::denied, field);
}

TEST_CASE_METHOD(fixture, "the same version of a flow with another text is refused",
                 "[reload]") {
  write(flow, read(flow) + "\n# another text\n");
  refuses(errc::invalid, "give the changed file a new version");
}

TEST_CASE_METHOD(fixture, "a file that cannot be read changes nothing", "[reload]") {
  fs::remove(file);
  refuses(errc::invalid, "node.toml");
}

TEST_CASE("a key no reload knows needs a restart, whatever it means", "[reload]") {
  const json before{{"node", {{"name", "n"}}}, {"policy", {{"file", "p"}}}};
  auto after = before;
  after["brand_new"]["table"] = 1;
  after["policy"]["file"] = "q";
  const auto list = node::fixed_differences(before, after);
  REQUIRE(list.size() == 1);
  CHECK(list[0].field == "brand_new.table");
}

TEST_CASE("values of components are named and never shown", "[reload]") {
  const auto with = [](const std::string& password) {
    return json::parse(
        R"({"plugin": [{"component": [{"id": "erp", "config": {"password": ")" +
        password + R"("}}]}]})");
  };
  const auto list = node::fixed_differences(with("old-secret"), with("new-secret"));
  REQUIRE(list.size() == 1);
  CHECK(list[0].field == "plugin.0.component.0.config.password");
  CHECK((list[0].from + list[0].to).find("secret") == std::string::npos);
}
