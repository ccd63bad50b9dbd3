// `crossdock assess` as a user runs it, on simulated distributors whose exceptions are
// known: the truth tables that only the simulator knows score it, it never reads them.
#include "assess/connector.hpp"
#include "assess/reader.hpp"
#include "base/digest.hpp"
#include "crossdock/app.hpp"
#include "sim/sim.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <fstream>
#include <sstream>

using namespace crossdock;
using Catch::Matchers::Contains;
using crossdock::cli::exit_code;
namespace fs = std::filesystem;

namespace {

struct told {
  exit_code code = exit_code::internal;
  std::string out;
  std::string err;
};

told crossdock_cli(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  cli::surroundings around{out,   err,   0,
                           false, false, [](const char*) { return std::string(); }};
  const auto code = cli::run(arguments, around);
  return {code, out.str(), err.str()};
}

std::string hash_of(const fs::path& file) {
  return to_hex(sha256_of_file(file).value());
}

/// The configuration of a node that never runs, and the distributor it would work on.
class never_started {
public:
  never_started(const char* size, std::uint64_t seed) {
    auto pattern = (fs::temp_directory_path() / "crossdock-assess-test-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    sim::create_options options;
    options.file = erp_file().string();
    options.size = size;
    options.seed = seed;
    sim::create(options, [](double, const std::string&) {});
    const std::string root = TEST_SOURCE_FOLDER;
    std::ofstream config(config_file());
    config
        << "[node]\nname = \"test\"\ndata = \"data\"\nsocket = \"s\"\ncatalogue = \""
        << root << "/config/catalogue\"\n[plugins]\nlock = \"plugins.lock\"\n"
        << "[policy]\nfile = \"" << root << "/config/policies/demo.toml\"\n"
        << "[[flow]]\nfile = \"" << root << "/config/flows/backorder-prevention.toml\"\n"
        << "[[plugin]]\nfile = \"" << TEST_PLUGIN_FOLDER << "/order.so\"\n"
        << "[[plugin]]\nfile = \"" << TEST_PLUGIN_FOLDER << "/sql.so\"\n"
        << "[[plugin.component]]\nid = \"sql\"\n[plugin.component.config]\nmapping = \""
        << root << "/config/connectors/sim.toml\"\ndatabase = \"./erp.db\"\n"
        << "system = \"sim-erp\"\n";
    config.close();
    REQUIRE(crossdock_cli({"plugin", "lock", TEST_PLUGIN_FOLDER "/sql.so",
                           TEST_PLUGIN_FOLDER "/order.so", "--output",
                           (folder_ / "plugins.lock").string()})
                .code == exit_code::ok);
  }
  ~never_started() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  never_started(const never_started&) = delete;
  never_started& operator=(const never_started&) = delete;

  const fs::path& folder() const { return folder_; }
  fs::path config_file() const { return folder_ / "node.toml"; }
  fs::path erp_file() const { return folder_ / "erp.db"; }
  void play(int steps = 0) const {
    sim::play_options options;
    options.file = erp_file().string();
    options.seconds = 0;
    options.stop_after_steps = steps;
    sim::play(options, [](double, const std::string&) {});
  }

private:
  fs::path folder_;
};

/// Names and hashes of everything in a folder.
std::map<std::string, std::string> content(const fs::path& folder) {
  std::map<std::string, std::string> out;
  std::error_code ignored;
  for (const auto& f : fs::recursive_directory_iterator(folder, ignored)) {
    out[f.path().string()] = f.is_regular_file() ? hash_of(f.path()) : "";
  }
  return out;
}

/// What the simulator injected, by the kind that should find it; records.
std::map<assess::kind, std::set<std::string>> injected(const json& truth,
                                                       const std::string& today) {
  std::map<assess::kind, std::set<std::string>> out;
  for (const auto& l : truth["short_lines"]) {
    out[assess::kind::short_line].insert("sales_line/" + l["line"].get<std::string>());
  }
  const std::map<std::string, assess::kind> kinds{
      {"late_line", assess::kind::late_line},
      {"late_receipt", assess::kind::late_receipt},
      {"receipt_slip", assess::kind::slipped_purchase},
      {"late_transfer", assess::kind::late_transfer},
      {"stock_out", assess::kind::stock_out},
      {"wrong_lead_time", assess::kind::wrong_lead_time}};
  // What will be late and is not yet is in no record: the future is the simulator's
  // alone.
  std::set<std::string> future;
  for (const auto& a : truth["arrivals"]) {
    if (a["promised_date"].get<std::string>() >= today) {
      future.insert("purchase_line/" + a["line"].get<std::string>());
    }
  }
  for (const auto& l : truth["labels"]) {
    const auto it = kinds.find(l["kind"].get<std::string>());
    const auto record = l["record"].get<std::string>();
    if (it != kinds.end() &&
        !(it->second == assess::kind::late_receipt && future.contains(record))) {
      out[it->second].insert(record);
    }
  }
  return out;
}

/// Reads through the configuration's connector, as the command does.
assess::findings found_by(const never_started& node, assess::history* kept = nullptr) {
  const auto config = node::read_config(node.config_file()).value();
  const auto words = catalogue::load(config.catalogue).value();
  auto source = assess::connector::open(config, words, "");
  if (!source) {
    FAIL(source.error().describe());
  }
  auto history =
      assess::read_history([&](const std::string& tool,
                               const json& args) { return (*source)->call(tool, args); },
                           *words, {});
  if (!history) {
    FAIL(history.error().describe());
  }
  auto out = assess::find_exceptions(*history, decimal());
  if (kept != nullptr) {
    *kept = std::move(*history);
  }
  return out;
}

/// Scores every kind: nine in ten of the injected ones found, nine in ten of those found
/// injected, and the count within a tenth.
void score(const never_started& node) {
  assess::history h;
  const auto found = found_by(node, &h);
  const auto truth =
      injected(sim::truth(node.erp_file().string()), assess::to_text(h.until));
  for (const auto k : assess::all_kinds) {
    if (k == assess::kind::overdue_line) {
      continue; // a fact of the day, nothing that is injected
    }
    std::set<std::string> records;
    for (const auto& o : found.kinds.at(k).found) {
      records.insert(o.record);
    }
    const auto it = truth.find(k);
    const auto& wanted = it == truth.end() ? std::set<std::string>() : it->second;
    std::size_t both = 0;
    for (const auto& r : records) {
      both += wanted.contains(r) ? 1 : 0;
    }
    CAPTURE(assess::words_of(k).id, records.size(), wanted.size(), both);
    REQUIRE_FALSE(wanted.empty());
    CHECK(static_cast<double>(both) >= 0.9 * static_cast<double>(wanted.size()));
    CHECK(static_cast<double>(both) >= 0.9 * static_cast<double>(records.size()));
    CHECK(static_cast<double>(records.size()) <=
          1.1 * static_cast<double>(wanted.size()));
  }
}

} // namespace

TEST_CASE("the injected exceptions are found, each kind within a tenth",
          "[e2e][assess]") {
  const auto seed = GENERATE(std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3});
  CAPTURE(seed);
  score({"small", seed});
}

TEST_CASE("what was planted into a played day is found as well", "[e2e][assess]") {
  const never_started node("small", 4);
  node.play();
  node.play();
  std::set<std::string> records;
  const auto found = found_by(node);
  for (const auto& o : found.kinds.at(assess::kind::short_line).found) {
    records.insert(o.record);
  }
  std::size_t planted = 0;
  std::size_t seen = 0;
  const auto truth = sim::truth(node.erp_file().string());
  for (const auto& l : truth["short_lines"]) {
    if (l["injected"].get<bool>()) {
      ++planted;
      seen += records.contains("sales_line/" + l["line"].get<std::string>()) ? 1 : 0;
    }
  }
  REQUIRE(planted > 20);
  CHECK(static_cast<double>(seen) >= 0.9 * static_cast<double>(planted));
}

TEST_CASE("assess changes nothing: not the system of record, not the node's folder",
          "[e2e][assess]") {
  const never_started node("tiny", 5);
  const auto data = node.folder() / "data";
  const auto before = hash_of(node.erp_file());
  const auto data_before = content(data);
  const auto ended = crossdock_cli({"assess", node.config_file().string(), "--json"});
  REQUIRE(ended.code == exit_code::ok);
  CHECK(hash_of(node.erp_file()) == before);
  CHECK(content(data) == data_before);

  // Also not if somebody else's changes wait in the write-ahead log.
  const auto file = node.erp_file().string();
  sim::database held(file, sim::database::mode::read);
  held.execute("BEGIN");
  held.integer("SELECT count(*) FROM sales_line"); // keeps the log from being emptied
  node.play(5);
  const auto log = fs::path(file + "-wal");
  REQUIRE(fs::file_size(log) > 0);
  const auto main_before = hash_of(node.erp_file());
  const auto log_before = hash_of(log);
  CHECK(crossdock_cli({"assess", node.config_file().string()}).code == exit_code::ok);
  CHECK(hash_of(node.erp_file()) == main_before);
  CHECK(hash_of(log) == log_before);
}

TEST_CASE("the host of an assessment hands a connector no write and no other event",
          "[e2e][assess]") {
  const never_started node("tiny", 6);
  const auto config = node::read_config(node.config_file()).value();
  const auto words = catalogue::load(config.catalogue).value();
  auto source = assess::connector::open(config, words, "");
  REQUIRE(source.ok());
  const json transfer{{"item", "SKU-00001"}, {"from", "DC-1"},
                      {"to", "BR-1"},        {"quantity", "1"},
                      {"unit", "EA"},        {"need_date", "2030-01-01"}};
  const auto refused = (*source)->call("erp.transfer.create", transfer);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code() == errc::denied);
  sim::database db(node.erp_file().string(), sim::database::mode::read);
  CHECK(db.integer("SELECT count(*) FROM transfer WHERE reference IS NOT NULL") == 0);
  CHECK((*source)->call("order.line", json::object()).error().code() == errc::denied);
}

TEST_CASE("a table for people, JSON for programs, a page for managers", "[e2e][assess]") {
  const never_started node("tiny", 7);
  const auto page = node.folder() / "page.html";
  const auto table =
      crossdock_cli({"assess", node.config_file().string(), "--html", page.string()});
  REQUIRE(table.code == exit_code::ok);
  CHECK(table.err.empty()); // no progress where nobody watches
  CHECK_THAT(table.out, Contains("Short order lines") &&
                            Contains("backorder-prevention") &&
                            Contains("How the cost comes about"));
  std::ifstream in(page);
  std::ostringstream text;
  text << in.rdbuf();
  CHECK_THAT(text.str(), Contains("<svg") && Contains("</html>") && !Contains("<script"));

  const auto program = crossdock_cli(
      {"assess", node.config_file().string(), "--json", "--assume", "hourly_rate=0",
       "--assume", "expedite_share=0", "--assume", "lost_sale_probability=0"});
  REQUIRE(program.code == exit_code::ok);
  const auto answer = json::parse(program.out);
  CHECK(answer["kinds"].size() == assess::all_kinds.size());
  CHECK(answer["cost"]["amount"] == "0"); // what costs nothing costs nothing
  CHECK(answer["kinds"][0]["count"].get<int>() > 0);
}

TEST_CASE("what is wrong is said in one sentence with its place", "[e2e][assess]") {
  const never_started node("tiny", 8);
  const auto config = node.config_file().string();
  const auto ended = [&](std::vector<std::string> more, exit_code code,
                         const char* says) {
    more.insert(more.begin(), "assess");
    const auto t = crossdock_cli(more);
    INFO(t.err);
    CHECK(t.code == code);
    CHECK_THAT(t.err, Contains(says));
    CHECK(std::count(t.err.begin(), t.err.end(), '\n') == 1);
  };
  ended({config + ".not"}, exit_code::not_found, "no such configuration file");
  ended({config, "--since", "yesterday"}, exit_code::bad_input, "no date YYYY-MM-DD");
  ended({config, "--since", "2099-01-01"}, exit_code::bad_input, "is not before");
  ended({config, "--assume", "rate=5"}, exit_code::bad_input, "hourly_rate");
  ended({config, "--connector", "odoo"}, exit_code::not_found,
        "no connector of this name");
  ended({config, "--html", (node.folder() / "no" / "page.html").string()},
        exit_code::internal, "cannot be written");
  fs::rename(node.erp_file(), node.folder() / "gone.db");
  ended({config}, exit_code::unreachable, "erp.db");
  fs::rename(node.folder() / "gone.db", node.erp_file());
  // A plugin that is not on the list never runs.
  std::ofstream(node.folder() / "plugins.lock") << "# nothing is allowed\n";
  ended({config}, exit_code::denied, "is not in the list of allowed files");
}
