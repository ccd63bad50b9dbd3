// A whole node that loads plugin files on the word of keys: who may, what then, and what
// is on record when somebody may not.
#include <catch2/catch.hpp>

#include "support/node_process.hpp"

#include "ledger/sqlite.hpp"

#include <fstream>
#include <sstream>

#include <sys/stat.h>

using namespace crossdock;
using namespace crossdock::test;
using namespace std::chrono_literals;
using Catch::Contains;
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
  ::chmod(file.c_str(), 0644);
}

/// A node whose files lie in a folder of their own, signed, and no list of allowed files.
class signed_node {
public:
  signed_node() {
    auto text = read(node.config_file());
    replace(text, "lock = \"plugins.lock\"", "trust = \"trust.toml\"");
    fs::create_directory(shipped());
    for (const auto* name : {"sql.so", "order.so", "replenishment.so", "warehouse.so"}) {
      fs::copy_file(plugin_folder() / name, shipped() / name);
      replace(text, (plugin_folder() / name).string(), (shipped() / name).string());
    }
    write(node.config_file(), text);
    const auto made = run({crossdock_program(), "plugin", "key", "new", "--secret",
                           (node.folder() / "acme.key").string(), "--no-password"});
    INFO(made.text);
    REQUIRE(made.code == 0);
    trust("isolation = \"in-process\"\nfirst_party = true\n");
    for (const auto* name : {"sql.so", "order.so", "replenishment.so", "warehouse.so"}) {
      sign(name);
    }
  }

  static void replace(std::string& text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
  }

  fs::path shipped() const { return node.folder() / "shipped"; }
  void sign(const std::string& name) const {
    const auto f =
        run({crossdock_program(), "plugin", "sign", (shipped() / name).string(), "--key",
             (node.folder() / "acme.key").string()});
    INFO(f.text);
    REQUIRE(f.code == 0);
  }
  void trust(const std::string& more, const std::string& cap = "\"everything\"") const {
    const auto pub = read(node.folder() / "acme.pub");
    const auto line = pub.substr(pub.find('\n') + 1);
    write(node.folder() / "trust.toml",
          "[[key]]\nname = \"acme\"\npublic_key = \"" + line.substr(0, line.find('\n')) +
              "\"\nid_prefixes = [\"crossdock\", \"dev.crossdock\"]\ncap = " + cap +
              "\n" + more);
  }
  finished refused() const {
    return run({crossdockd_program(), "run", node.config_file().string()});
  }
  json last_record() const {
    const auto f = run({crossdock_program(), "--json", "ledger", "verify",
                        node.ledger_folder().string()});
    INFO(f.text);
    REQUIRE(f.code == 0);
    auto db = ledger::open_reader(node.ledger_folder() / "ledger.db");
    REQUIRE(db.ok());
    auto rows = (*db)->query("SELECT header FROM record WHERE kind = 'node' "
                             "ORDER BY seq DESC LIMIT 1");
    REQUIRE(rows.ok());
    REQUIRE_FALSE(rows->empty());
    return json::parse(rows->front().text(0));
  }

  node_process node;
};

} // namespace

TEST_CASE_METHOD(signed_node,
                 "files are loaded on the word of a trusted key, and it is on record",
                 "[e2e]") {
  node.start();
  const auto list = node.ask("plugin.list")["plugins"];
  REQUIRE_FALSE(list.empty());
  for (const auto& one : list) {
    CHECK(one.at("standing") == "signed");
    CHECK(one.at("signers").at(0).at("key") == "acme");
  }
  const auto staged = run({crossdock_program(), "--config", node.config_file().string(),
                           "plugin", "list", "--staged"});
  CHECK(staged.code == 0);
  CHECK_THAT(staged.text, Contains("crossdock.order") && Contains("admitted") &&
                              Contains("signed by acme"));
  CHECK(node.stop() == 0);
  auto db = ledger::open_reader(node.ledger_folder() / "ledger.db");
  REQUIRE(db.ok());
  auto rows =
      (*db)->query("SELECT header FROM record WHERE kind = 'node' ORDER BY seq LIMIT 1");
  REQUIRE(rows.ok());
  const auto detail = json::parse(rows->front().text(0)).at("detail");
  REQUIRE(detail.at("plugins").size() == 4);
  CHECK(detail.at("plugins").at(0).at("standing") == "signed");
}

TEST_CASE_METHOD(
    signed_node,
    "a changed byte, a lost signature and a revoked file are refused with the "
    "reason, on record",
    "[e2e]") {
  std::string expected;
  SECTION("a changed byte") {
    auto bytes = read(shipped() / "order.so");
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    write(shipped() / "order.so", bytes);
    expected = "does not fit the file's bytes";
  }
  SECTION("no signature") {
    fs::remove(shipped() / "order.so.minisig");
    expected = "it is not signed";
  }
  SECTION("another file's signature") {
    fs::copy_file(shipped() / "warehouse.so.minisig", shipped() / "order.so.minisig",
                  fs::copy_options::overwrite_existing);
    expected = "does not fit the file's bytes";
  }
  SECTION("a revoked file") {
    const auto f = run({crossdock_program(), "--json", "plugin", "verify",
                        (shipped() / "order.so").string(), "--trust",
                        (node.folder() / "trust.toml").string()});
    write(node.folder() / "trust.toml",
          read(node.folder() / "trust.toml") + "\n[[revoked]]\nsha256 = \"" +
              json::parse(f.text).at("sha256").get<std::string>() +
              "\"\nreason = \"leaks\"\ndate = 2026-11-01\n");
    expected = "was revoked on 2026-11-01: leaks";
  }
  const auto checked =
      run({crossdock_program(), "config", "check", node.config_file().string()});
  CHECK(checked.code == 3);
  CHECK_THAT(checked.text, Contains(expected.substr(0, 24)));
  const auto f = refused();
  CHECK(f.code == 3);
  CHECK_THAT(f.text, Contains(expected));
  CHECK_THAT(f.text, Contains("order.so") || Contains("sql.so"));
  const auto record = last_record();
  CHECK(record.at("detail").at("what") == "plugin refused");
  CHECK_THAT(record.at("detail").at("reason").get<std::string>(), Contains(expected));
}

TEST_CASE_METHOD(signed_node,
                 "what is not granted or beyond the key's cap does not exist for the "
                 "plugin",
                 "[e2e]") {
  auto text = read(node.config_file());
  const auto file = (shipped() / "warehouse.so").string() + "\"\n";
  replace(text, file,
          file + "[[plugin.component]]\nid = \"warehouse\"\ngrant = { calls = "
                 "[\"erp.sites\"] }\n");
  write(node.config_file(), text);
  trust("isolation = \"in-process\"\nfirst_party = true\n",
        "{ consumes = [\"*\"], produces = [\"*\"], answers = [\"*\"], asks = [\"*\"], "
        "calls = [\"erp.*\"], proposes = [\"erp.*\"], offers = [\"erp.transfer.*\", "
        "\"erp.order.*\", "
        "\"erp.sites\", \"erp.item\", \"erp.stock\", \"erp.supply\", \"erp.position\", "
        "\"erp.pick_history\", \"erp.receipt_history\", \"erp.open_orders\", "
        "\"erp.order_line\", "
        "\"erp.order_history\", \"erp.purchase_history\", \"erp.stock_levels\", "
        "\"erp.supply_history\", \"erp.lanes\", \"erp.substitutes\", "
        "\"erp.transfer_history\"], "
        "capabilities = [\"*\"] }");
  node.start();
  const auto list = node.ask("plugin.list").at("plugins");
  json warehouse;
  for (const auto& one : list) {
    if (one.at("component") == "warehouse") {
      warehouse = one;
    }
    if (one.at("component") == "sql") {
      CHECK(one.at("beyond_cap").at("offers") == json::array({"erp.demand"}));
    }
  }
  CHECK(warehouse.at("not_granted").at("calls") == json::array({"erp.pick_history"}));
  CHECK_FALSE(warehouse.contains("beyond_cap"));
  CHECK(node.stop() == 0);
  CHECK(read(node.folder() / "node.toml") == text);

  text.replace(text.find("erp.sites\"] }"), 9, "erp.nosuch");
  write(node.config_file(), text);
  const auto f = refused();
  CHECK(f.code == 3);
  CHECK_THAT(f.text, Contains("erp.nosuch") && Contains("grant.calls"));
}

TEST_CASE_METHOD(
    signed_node,
    "what a partner's key signs runs in processes of its own, unless the operator "
    "lists the file or trusts the key with the node's memory",
    "[e2e]") {
  const auto hash =
      run({"/usr/bin/sha256sum", (shipped() / "sql.so").string()}).text.substr(0, 64);
  auto text = read(node.config_file());
  // The connector opens a database file: exactly this one may do so, in the node.
  replace(text, "trust = \"trust.toml\"",
          "trust = \"trust.toml\"\nsha256 = [\"" + hash + "\"]");
  write(node.config_file(), text);
  trust("");
  node.start();
  auto list = node.ask("plugin.list");
  for (const auto& one : list.at("plugins")) {
    INFO(one.dump());
    if (one.at("component") == "sql") {
      CHECK(one.at("executor") == "thread");
    } else {
      CHECK(one.at("executor") == "process");
      CHECK(one.at("pid").get<int>() > 0);
      CHECK(one.at("sandbox").at("seccomp") == "notify");
    }
  }
  CHECK(node.stop() == 0);

  replace(text, "[[plugin.component]]\nid = \"order\"\n",
          "[[plugin.component]]\nid = \"order\"\nexecutor = \"scheduled\"\n");
  write(node.config_file(), text);
  const auto f = refused();
  CHECK(f.code == 3);
  CHECK_THAT(f.text, Contains("inside the node") && Contains("order"));
  trust("isolation = \"in-process\"\n");
  node.start();
  list = node.ask("plugin.list");
  for (const auto& one : list.at("plugins")) {
    if (one.at("component") == "order") {
      CHECK(one.at("executor") == "scheduled");
    }
  }
  CHECK(node.stop() == 0);
}

TEST_CASE_METHOD(signed_node,
                 "staging judges as the node does, keeps the file and says who did it",
                 "[e2e]") {
  const auto stage = [&](std::vector<std::string> more) {
    std::vector<std::string> words{crossdock_program(),
                                   "--config",
                                   node.config_file().string(),
                                   "plugin",
                                   "stage",
                                   (shipped() / "order.so").string()};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  const auto good = stage({});
  INFO(good.text);
  CHECK(good.code == 0);
  CHECK_THAT(good.text, Contains("signed by acme") && Contains("sha256"));
  fs::remove(shipped() / "order.so.minisig");
  const auto bad = stage({});
  CHECK(bad.code == 4);
  CHECK_THAT(bad.text, Contains("it is not signed"));
  const auto list = run({crossdock_program(), "--json", "--config",
                         node.config_file().string(), "plugin", "list", "--staged"});
  const auto staged = json::parse(list.text).at("staged");
  REQUIRE(staged.size() == 1);
  CHECK(staged.at(0).at("what") == "staged");
  CHECK_THAT(staged.at(0).at("by").get<std::string>(), Contains("uid "));
  const fs::path copy = staged.at(0).at("path").get<std::string>();
  CHECK(read(copy) == read(shipped() / "order.so"));
  struct stat s {};
  REQUIRE(::stat(copy.c_str(), &s) == 0);
  CHECK((s.st_mode & 0222) == 0);
}

TEST_CASE_METHOD(signed_node,
                 "a version on probation does not make the one before it a downgrade",
                 "[e2e]") {
  node.start();
  fs::copy_file(ORDER_NEXT, shipped() / "order-next.so");
  const auto says = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {crossdock_program(), "--config",
                                 node.config_file().string(), "plugin"});
    return run(words);
  };
  const auto version = [&] {
    const auto list = node.ask("plugin.list");
    for (const auto& one : list.at("plugins")) {
      if (one.at("component") == "order") {
        CHECK(one.at("standing") == "signed");
        return one.at("version").get<std::string>();
      }
    }
    return std::string();
  };
  const auto next = (shipped() / "order-next.so").string();
  const auto unsigned_yet = says({"swap", "--to", next, "--yes"});
  CHECK_THAT(unsigned_yet.text, Contains("may not be loaded"));
  sign("order-next.so");

  REQUIRE(says({"swap", "--to", next, "--yes"}).code == 0);
  CHECK(version() == "0.2.0");
  REQUIRE(says({"rollback", "order"}).code == 0);
  CHECK(version() == "0.1.0");
  CHECK(node.stop() == 0);
  node.start(); // as configured
  CHECK(version() == "0.1.0");

  REQUIRE(says({"swap", "--to", next, "--yes"}).code == 0);
  REQUIRE(says({"keep", "order"}).code == 0);
  CHECK(node.stop() == 0);
  node.start();
  CHECK(version() == "0.2.0");
  const auto back = says({"rollback", "order", "--reason", "prices were wrong"});
  INFO(back.text);
  REQUIRE(back.code == 0);
  CHECK(version() == "0.1.0");
  CHECK(node.stop() == 0);
  node.start();
  CHECK(version() == "0.1.0");
  CHECK(node.stop() == 0);
  CHECK_THAT(says({"list", "--staged"}).text, Contains("0.1.0"));
}
