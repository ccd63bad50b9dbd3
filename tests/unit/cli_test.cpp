// The command line against a node that is played by a thread: what people read, what
// programs read, and what the shell is told.
#include "crossdock/app.hpp"
#include "crossdock/partner_tool.hpp"

#include "ledger_fixture.hpp"

#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

using namespace crossdock;
using crossdock::cli::exit_code;
using crossdock::ledger::testing::temporary_directory;

namespace {

/// Answers each method with what the test prepared, and remembers what it was asked.
class played_node {
public:
  explicit played_node(std::filesystem::path socket) : socket_(std::move(socket)) {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    std::strncpy(a.sun_path, socket_.c_str(), sizeof a.sun_path - 1);
    REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    thread_ = std::thread([this] { serve(); });
  }
  played_node(const played_node&) = delete;
  played_node& operator=(const played_node&) = delete;
  ~played_node() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  void answers(const std::string& method, json result) {
    const std::lock_guard lock(mutex_);
    answers_[method] = {{"ok", true}, {"result", std::move(result)}};
  }
  void refuses(const std::string& method, errc code, const std::string& message) {
    const std::lock_guard lock(mutex_);
    answers_[method] = {{"ok", false},
                        {"error",
                         {{"code", static_cast<int>(code)},
                          {"name", to_string(code)},
                          {"message", message},
                          {"context", {{"field", "approval"}}}}}};
  }
  /// The next conversation ends after the request was read.
  void hangs_up_once() { hang_up_ = true; }
  std::vector<json> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  std::string path() const { return socket_.string(); }

private:
  void serve() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) {
        return;
      }
      std::string buffer;
      char chunk[4096];
      for (;;) {
        const auto n = ::recv(fd, chunk, sizeof chunk, 0);
        if (n <= 0) {
          break;
        }
        buffer.append(chunk, static_cast<std::size_t>(n));
        const auto end = buffer.find('\n');
        if (end == std::string::npos) {
          continue;
        }
        const auto request = json::parse(buffer.substr(0, end));
        buffer.erase(0, end + 1);
        std::string text;
        {
          const std::lock_guard lock(mutex_);
          asked_.push_back(request);
          text = answers_[request.at("method").get<std::string>()].dump() + "\n";
        }
        if (hang_up_.exchange(false)) {
          break;
        }
        static_cast<void>(::send(fd, text.data(), text.size(), MSG_NOSIGNAL));
      }
      ::close(fd);
    }
  }

  std::filesystem::path socket_;
  int listener_ = -1;
  std::thread thread_;
  std::mutex mutex_;
  std::map<std::string, json> answers_;
  std::vector<json> asked_;
  std::atomic<bool> hang_up_{false};
};

struct told {
  exit_code code;
  std::string out;
  std::string err;
};

told crossdock_says(std::vector<std::string> arguments, std::size_t width = 0,
                    std::map<std::string, std::string> environment = {}) {
  std::ostringstream out;
  std::ostringstream err;
  const auto code =
      cli::run(std::move(arguments),
               {out, err, width, false, false, [environment](const char* name) {
                  const auto it = environment.find(name);
                  return it == environment.end() ? std::string() : it->second;
                }});
  return {code, out.str(), err.str()};
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The text without line breaks and repeated blanks: what a person reads over a wrap.
std::string flat(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const char d = c == '\n' ? ' ' : c;
    if (d != ' ' || (!out.empty() && out.back() != ' ')) {
      out += d;
    }
  }
  return out;
}

const json on_hand{{"name", "on_hand"},
                   {"value", "3"},
                   {"unit", "pcs"},
                   {"system", "sim-erp"},
                   {"record", "stock/P-1@B1"},
                   {"field", "on_hand"},
                   {"as_of", "2026-11-23T08:15:00Z"},
                   {"material", true},
                   {"tolerance", "0"}};

json transfer_approval() {
  return {{"id", "01JDA000000000000000000001"},
          {"state", "pending"},
          {"digest", "ab12cd"},
          {"expires_at", "2026-11-23T12:15:00Z"},
          {"requester", "replenishment"},
          {"votes", json::array()},
          {"asked",
           {{"stage", 0},
            {"stages", 1},
            {"roles", {"customer-service"}},
            {"counted", 0},
            {"quorum", 1}}},
          {"verdict",
           {{"effect", "ask"},
            {"rules", {"large-transfer"}},
            {"reason", "a transfer above 500 EUR is decided by a person"},
            {"near_miss", "small-transfer: amount 700 is not at most 500"}}},
          {"proposal",
           {{"case_id", "01JDA0000000000000000000C1"},
            {"summary", "Transfer 7 pcs of P-1 from DC to B1 for order SO-1"},
            {"tool", "erp.transfer.create"},
            {"args", {{"item", "P-1"}, {"quantity", "7"}}},
            {"amount", {{"amount", "700"}, {"currency", "EUR"}}},
            {"expected_value", {{"amount", "123.455"}, {"currency", "EUR"}}},
            {"confidence_permille", 873},
            {"basis", {{"arithmetic", "0.9 sure × 0.97 picked in time"}}},
            {"rationale", {"Order SO-1 needs 10 pcs; 7 pcs are missing."}},
            {"facts", json::array({on_hand})},
            {"alternatives", json::array({{{"summary", "Wait for PO-9"},
                                           {"why_not", "worth 80 EUR less"},
                                           {"confidence_permille", 400}}})},
            {"if_nothing_is_done", "The order leaves four days late."},
            {"reversal", "erp.transfer.cancel"}}}};
}

json whole_case() {
  auto approved = transfer_approval();
  approved["state"] = "executed";
  approved["decided_by"] = "person:maria";
  approved["votes"] = json::array({{{"person", "maria"},
                                    {"decision", "approve"},
                                    {"reason", "the customer called"},
                                    {"at", "2026-11-23T08:17:00Z"}}});
  return {
      {"case",
       {{"case", "01JDA0000000000000000000C1"},
        {"flow", "backorder-prevention/1"},
        {"key", "SO-1/1"},
        {"state", "closed"},
        {"outcome", "done"},
        {"opened_at", "2026-11-23T08:15:01Z"},
        {"run", 1},
        {"records", 17}}},
      {"origins", json::array({{{"seq", 41},
                                {"header",
                                 {{"time", "2026-11-23T08:15:00Z"},
                                  {"src", "sql"},
                                  {"kind", "event"},
                                  {"detail", {{"type", "order.line"}}}}},
                                {"body",
                                 {{"data",
                                   {{"line", "SO-1/1"},
                                    {"quantity", "10"},
                                    {"system", "sim-erp"},
                                    {"record", "sales_line/1"},
                                    {"as_of", "2026-11-23T08:15:00Z"}}}}}}})},
      {"story",
       json::array(
           {{{"time", "2026-11-23T08:15:01Z"},
             {"station", "trigger"},
             {"seq", 44},
             {"text", "Line SO-1/1 is short by 7 pcs."},
             {"facts", json::array({on_hand})}},
            {{"time", "2026-11-23T08:15:02Z"},
             {"station", "ranking"},
             {"text", "One way is best."},
             {"detail",
              {{"ranked", json::array({{{"summary", "Transfer from DC"},
                                        {"confidence", "0.9"},
                                        {"pick_probability", "0.97"},
                                        {"works", "0.873"},
                                        {"cost", {{"amount", "40"}, {"currency", "EUR"}}},
                                        {"expected_value",
                                         {{"amount", "123.455"}, {"currency", "EUR"}}},
                                        {"arithmetic", "0.9 × 0.97 = 0.873"}}})},
               {"dropped",
                json::array({{{"summary", "Substitute P-2"},
                              {"reason", "worth 1 EUR, below the floor of 5"}}})}}},
             {"facts", json::array({on_hand})}},
            {{"time", "2026-11-23T08:15:02Z"},
             {"station", "proposal"},
             {"text", "Proposed: Transfer 7 pcs"},
             {"detail", approved["proposal"]}},
            {{"time", "2026-11-23T08:15:02Z"},
             {"station", "gate"},
             {"text", "The policy asks customer-service."}},
            {{"time", "2026-11-23T08:17:00Z"},
             {"station", "person"},
             {"text", "Approved by maria."}}})},
      {"approvals", json::array({approved})},
      {"effects", json::array({{{"tool", "erp.transfer.create"},
                                {"state", "executed"},
                                {"key", "cd-0123"},
                                {"attempts", 1},
                                {"updated_at", "2026-11-23T08:17:01Z"},
                                {"outcome",
                                 {{"system", "sim-erp"},
                                  {"record", "transfer/88"},
                                  {"reference", "cd-0123"}}}}})}};
}

struct with_node {
  temporary_directory folder;
  played_node node{folder.path() / "s"};
  std::vector<std::string> to_node(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--socket", node.path()});
    return arguments;
  }
};

} // namespace

TEST_CASE("without a node named, the error names the three ways to name one", "[cli]") {
  const auto t = crossdock_says({"case", "list"});
  CHECK(t.code == exit_code::unreachable);
  CHECK(says(t.err, "--socket"));
  CHECK(says(t.err, "CROSSDOCK_SOCKET"));
  CHECK(says(t.err, "--config"));
  CHECK(t.out.empty());
}

TEST_CASE("a socket nobody listens on is exit code 7 with the socket and a remedy",
          "[cli]") {
  const auto t = crossdock_says({"whoami", "--socket", "/nonexistent/s"});
  CHECK(t.code == exit_code::unreachable);
  CHECK(says(t.err, "/nonexistent/s"));
  CHECK(says(t.err, "crossdockd run"));
}

TEST_CASE("wrong words on the command line are exit code 2", "[cli]") {
  CHECK(crossdock_says({"case", "shoe"}).code == exit_code::usage);
  CHECK(crossdock_says({}).code == exit_code::usage);
  CHECK(crossdock_says({"case", "list", "--limit", "0"}).code == exit_code::usage);
  CHECK(crossdock_says({"--help"}).code == exit_code::ok);
}

TEST_CASE_METHOD(with_node, "the environment names the socket", "[cli]") {
  node.answers("whoami",
               {{"name", "maria"}, {"uid", 1000}, {"roles", {"customer-service"}}});
  const auto t = crossdock_says({"whoami"}, 0, {{"CROSSDOCK_SOCKET", node.path()}});
  CHECK(t.code == exit_code::ok);
  CHECK(says(t.out, "maria"));
}

TEST_CASE_METHOD(with_node, "the node's error code decides the exit code", "[cli]") {
  const std::map<errc, exit_code> expected{
      {errc::denied, exit_code::denied},           {errc::conflict, exit_code::conflict},
      {errc::not_found, exit_code::not_found},     {errc::invalid, exit_code::bad_input},
      {errc::unavailable, exit_code::unreachable}, {errc::internal, exit_code::internal}};
  for (const auto& [code, exit] : expected) {
    node.refuses("approval.show", code, "told so");
    const auto t = crossdock_says(to_node({"approval", "show", "X"}));
    CHECK(t.code == exit);
    CHECK(t.err == "crossdock: told so (field: approval)\n");
  }
}

TEST_CASE_METHOD(with_node, "with --json an error is an object on standard output",
                 "[cli]") {
  node.refuses("case.show", errc::not_found, "there is no case \"X\"");
  const auto t = crossdock_says(to_node({"case", "show", "X", "--json"}));
  CHECK(t.code == exit_code::not_found);
  CHECK(t.err.empty());
  const auto e = json::parse(t.out).at("error");
  CHECK(e.at("name") == "not_found");
  CHECK(e.at("code") == 103);
}

TEST_CASE_METHOD(with_node, "with --json the node's result passes through unchanged",
                 "[cli]") {
  node.answers("case.show", whole_case());
  const auto t = crossdock_says(to_node({"case", "show", "01JDA", "--json"}));
  CHECK(t.code == exit_code::ok);
  CHECK(json::parse(t.out) == whole_case());
  CHECK(node.asked().front().at("params") == json{{"case", "01JDA"}});
}

TEST_CASE_METHOD(with_node, "case show tells what was said, asked, decided and written",
                 "[cli]") {
  node.answers("case.show", whole_case());
  const auto t = crossdock_says(to_node({"case", "show", "01JDA"}), 80);
  REQUIRE(t.code == exit_code::ok);
  const auto text = flat(t.out);
  INFO(t.out);
  CHECK(says(text, "order.line from sql (record 41)"));
  CHECK(says(text, "Line SO-1/1 is short by 7 pcs."));
  CHECK(
      says(text,
           "on_hand = 3 pcs: sim-erp, stock/P-1@B1, on_hand, as of 2026-11-23 08:15:00"));
  CHECK(says(text, "0.9 × 0.97 = 0.873"));
  CHECK(says(text, "Substitute P-2: left out, worth 1 EUR, below the floor of 5"));
  CHECK(says(text, "confidence 87.3 %"));
  CHECK(says(text, "near miss small-transfer: amount 700 is not at most 500"));
  CHECK(says(text, "rules large-transfer"));
  CHECK(says(text, "maria said approve: the customer called"));
  CHECK(says(text, "reference cd-0123"));
  CHECK(says(text, "record transfer/88"));

  // First what a colleague would say.
  const auto in_short = text.substr(0, text.find("What the systems of record said"));
  CHECK(says(in_short, "Order SO-1 needs 10 pcs; 7 pcs are missing."));
  CHECK(says(in_short, "So: Transfer 7 pcs of P-1 from DC to B1 for order SO-1, 87.3 % "
                       "sure."));
  CHECK(says(in_short, "The policy wanted a person: a transfer above 500 EUR is decided "
                       "by a person."));
  CHECK(says(in_short, "maria said approve at 08:17:00: \"the customer called\"."));
  CHECK(says(in_short, "Done in sim-erp: transfer/88, with our reference cd-0123."));
}

TEST_CASE_METHOD(with_node, "case show says why nothing was proposed, place by place",
                 "[cli]") {
  auto c = whole_case();
  c["case"]["outcome"] = "no_option";
  c["approvals"] = c["effects"] = json::array();
  c["origins"][0]["body"]["data"].update({{"order", "SO-1"},
                                          {"customer", "C-7"},
                                          {"short", "7"},
                                          {"unit", "pcs"},
                                          {"item", "P-1"},
                                          {"site", "B1"},
                                          {"need_date", "2026-11-25"}});
  c["story"] =
      json::array({{{"time", "2026-11-23T08:15:02Z"},
                    {"station", "answer"},
                    {"text", "replenishment answered with 0 options."},
                    {"detail", {{"none_because", {"DC has nothing available."}}}}}});
  node.answers("case.show", c);
  const auto text = flat(crossdock_says(to_node({"case", "show", "01JDA"})).out);
  CHECK(says(text,
             "Order SO-1 of customer C-7 wants 10 pcs of P-1 from B1 by 2026-11-25; "
             "7 pcs are missing. – DC has nothing available. The case is closed as "
             "no_option: nothing can be done that is worth its cost."));
}

TEST_CASE_METHOD(with_node, "a fact is told in full once", "[cli]") {
  node.answers("case.show", whole_case());
  const auto text = flat(crossdock_says(to_node({"case", "show", "01JDA"})).out);
  const auto first = text.find("on_hand = 3 pcs");
  CHECK(first != std::string::npos);
  CHECK(text.find("on_hand = 3 pcs", first + 1) == std::string::npos);
  CHECK(says(text, "and 1 of the facts above"));
}

TEST_CASE_METHOD(with_node, "no line is wider than the terminal, except what people copy",
                 "[cli]") {
  node.answers("case.show", whole_case());
  node.answers("approval.list", {{"approvals", json::array({transfer_approval()})}});
  for (const auto& arguments : {std::vector<std::string>{"case", "show", "X"},
                                std::vector<std::string>{"approval", "list"}}) {
    for (const std::size_t width : {80, 120}) {
      std::istringstream lines(crossdock_says(to_node(arguments), width).out);
      for (std::string line; std::getline(lines, line);) {
        INFO(line);
        CHECK((cli::columns_of(line) <= width || says(line, "crossdock approval")));
      }
    }
  }
}

TEST_CASE_METHOD(with_node,
                 "approval show leads with evidence and counter-case, then the action",
                 "[cli]") {
  node.answers("approval.show", transfer_approval());
  const auto t = crossdock_says(to_node({"approval", "show", "01JDA"}), 100);
  REQUIRE(t.code == exit_code::ok);
  INFO(t.out);
  const auto evidence = t.out.find("Evidence");
  const auto counter = t.out.find("The counter-case");
  const auto action = t.out.find("The action");
  CHECK(evidence < counter);
  CHECK(counter < action);
  const auto text = flat(t.out);
  CHECK(says(text, "do nothing The order leaves four days late."));
  CHECK(says(text, "Wait for PO-9"));
  CHECK(says(text, "700.00 EUR"));
  CHECK(says(text, "123.46 EUR")); // half to even: 123.455 has an odd cent before it
  CHECK(says(text, "may decide customer-service; 0 of 1 have agreed"));
  // Both answers are offered; neither is the default.
  CHECK(says(t.out,
             "crossdock approval approve 01JDA000000000000000000001 --digest ab12cd"));
  CHECK(says(t.out,
             "crossdock approval reject 01JDA000000000000000000001 --digest ab12cd"));
}

TEST_CASE_METHOD(with_node, "approve sends id, reason, digest, principal and its own id",
                 "[cli]") {
  auto approved = transfer_approval();
  approved["state"] = "approved";
  node.answers("approval.approve", approved);
  const auto t =
      crossdock_says(to_node({"approval", "approve", "01JDA", "--reason", "called",
                              "--digest", "ab12cd", "--as", "maria"}));
  CHECK(t.code == exit_code::ok);
  CHECK(says(t.out, "Approved: Transfer 7 pcs"));
  const auto request = node.asked().front();
  CHECK(request.at("as") == "maria");
  CHECK(request.at("params").at("approval") == "01JDA");
  CHECK(request.at("params").at("reason") == "called");
  CHECK(request.at("params").at("digest") == "ab12cd");
  CHECK(request.at("params").at("decision_id").get<std::string>().size() == 26);
}

TEST_CASE_METHOD(with_node, "edit sends texts and JSON, and tells what took which place",
                 "[cli]") {
  auto edited = transfer_approval();
  edited["replaces"] = "01OLD";
  edited["edit"] = {
      {"by", "maria"},
      {"from", "01OLD"},
      {"difference", {{{"field", "quantity"}, {"was", "7"}, {"is", "12"}}}}};
  node.answers("approval.edit", edited);
  const auto t = crossdock_says(
      to_node({"approval", "edit", "01OLD", "--set", "quantity=12", "--set", "note=a=b",
               "--set", "express:=true", "--reason", "called", "--digest", "ab12cd"}));
  CHECK(t.code == exit_code::ok);
  CHECK(says(t.out, "in place of 01OLD"));
  CHECK(says(t.out, "quantity 7 → 12"));
  const auto params = node.asked().front().at("params");
  CHECK(params.at("set") == json{{"quantity", "12"}, {"note", "a=b"}, {"express", true}});
  CHECK(params.at("reason") == "called");
  CHECK(params.at("digest") == "ab12cd");
  CHECK(params.at("decision_id").get<std::string>().size() == 26);

  for (const char* wrong : {"quantity", "=12", "express:=yes"}) {
    CHECK(crossdock_says(
              to_node({"approval", "edit", "01OLD", "--set", wrong, "--reason", "x"}))
              .code == exit_code::bad_input);
  }
  CHECK(crossdock_says(to_node({"approval", "edit", "01OLD", "--set", "a=b"})).code ==
        exit_code::usage); // an edit has a reason
}

TEST_CASE_METHOD(with_node, "compensate and resolve name the case and the reason",
                 "[cli]") {
  for (const char* verb : {"compensate", "resolve"}) {
    node.answers(std::string("case.") + verb, {{"case", "01CASE"}, {"seq", 7}});
    const auto t =
        crossdock_says(to_node({"case", verb, "01C", "--reason", "ordered twice"}));
    CHECK(t.code == exit_code::ok);
    CHECK(says(t.out, "crossdock case show 01CASE"));
    CHECK(node.asked().back().at("params") ==
          json{{"case", "01C"}, {"reason", "ordered twice"}});
    CHECK(crossdock_says(to_node({"case", verb, "01C"})).code == exit_code::usage);
  }
  node.answers("case.list", {{"cases", json::array()}});
  CHECK(crossdock_says(to_node({"case", "list", "--state", "stuck"})).code ==
        exit_code::ok);
  CHECK(node.asked().back().at("params").at("state") == "stuck");
  CHECK(crossdock_says(to_node({"case", "list", "--state", "lost"})).code ==
        exit_code::usage);
}

TEST_CASE_METHOD(with_node,
                 "a decision whose answer was lost is repeated under the same id",
                 "[cli]") {
  auto rejected = transfer_approval();
  rejected["state"] = "rejected";
  node.answers("approval.reject", rejected);
  node.hangs_up_once();
  const auto t = crossdock_says(to_node({"approval", "reject", "01JDA"}));
  CHECK(t.code == exit_code::ok);
  const auto asked = node.asked();
  REQUIRE(asked.size() == 2);
  CHECK(asked[0].at("params").at("decision_id") ==
        asked[1].at("params").at("decision_id"));
}

TEST_CASE_METHOD(with_node, "text from outside cannot steer the terminal", "[cli]") {
  auto a = transfer_approval();
  a["proposal"]["summary"] = "Transfer \033[2J\u009b31m\aall";
  node.answers("approval.list", {{"approvals", json::array({a})}});
  const auto t = crossdock_says(to_node({"approval", "list"}), 200);
  CHECK(t.out.find('\033') == std::string::npos);
  CHECK(t.out.find('\a') == std::string::npos);
  CHECK(!says(t.out, "\xc2\x9b"));
  CHECK(says(t.out, "Transfer ?[2J?31m?all"));
}

TEST_CASE_METHOD(with_node, "node status shows what is there and nothing of what is not",
                 "[cli]") {
  node.answers("node.status", {{"node", "demo"}, {"version", "0.1.0"}});
  CHECK(crossdock_says(to_node({"node", "status"})).code == exit_code::ok);
  node.answers("node.status",
               {{"node", "demo"},
                {"uptime_s", 3700},
                {"components", json::array({{{"component", "order"},
                                             {"plugin", "crossdock.order"},
                                             {"state", "running"},
                                             {"steps", 12},
                                             {"dead_letters", 2},
                                             {"last_error", "too late"}}})}});
  const auto t = crossdock_says(to_node({"node", "status"}));
  CHECK(says(t.out, "1 h 1 min"));
  CHECK(says(t.out, "crossdock.order"));
  CHECK(says(t.out, "last error of order: too late"));
}

TEST_CASE_METHOD(with_node, "summary counts decisions from the ledger, page by page",
                 "[cli]") {
  const auto approval = [](int seq, const char* id, const char* from, const char* to) {
    return json{
        {"seq", seq},
        {"header",
         {{"kind", "approval"}, {"id", id}, {"detail", {{"from", from}, {"to", to}}}}}};
  };
  node.answers("ledger.show",
               {{"durable_seq", 8},
                {"records", json::array({{{"seq", 1},
                                          {"header",
                                           {{"kind", "event"},
                                            {"class", "A"},
                                            {"detail", {{"type", "order.line"}}}}}},
                                         {{"seq", 2},
                                          {"header",
                                           {{"kind", "event"},
                                            {"class", "B"},
                                            {"detail", {{"type", "order.line_short"}}}}}},
                                         approval(3, "a", "proposed", "allowed"),
                                         approval(4, "a", "allowed", "consumed"),
                                         approval(5, "a", "consumed", "executed"),
                                         approval(6, "b", "proposed", "pending"),
                                         approval(8, "c", "proposed", "denied")})}});
  node.answers("case.list",
               {{"cases", json::array({{{"case", "C1"}, {"state", "open"}}})}});
  node.answers(
      "case.show",
      {{"trigger",
        {{"payload", {{"value_at_stake", {{"amount", "700"}, {"currency", "EUR"}}}}}}}});
  node.answers("approval.list", {{"approvals", json::array({transfer_approval()})}});
  node.answers("whoami", {{"name", "maria"}, {"roles", {"customer-service"}}});
  const auto t = crossdock_says(to_node({"summary", "--json"}));
  REQUIRE(t.code == exit_code::ok);
  const auto s = json::parse(t.out);
  CHECK(s.at("events_in") == 1);
  CHECK(s.at("decisions") == json{{"made", 3},
                                  {"by_itself", 1},
                                  {"waiting", 1},
                                  {"approved_by_a_person", 0},
                                  {"denied_by_policy", 1},
                                  {"other", 0}});
  CHECK(s.at("value_at_stake") ==
        json::array({{{"amount", "700"}, {"currency", "EUR"}}}));
  CHECK(s.at("pending")[0].at("approval") == "01JDA000000000000000000001");
  CHECK(s.at("pending")[0].at("yours") == true);
  CHECK(says(crossdock_says(to_node({"summary"})).out, "done by itself"));
}

TEST_CASE("ledger verify works on the files and finds a changed record", "[cli]") {
  using namespace crossdock::ledger;
  const temporary_directory folder;
  {
    auto store = testing::open_store(testing::test_options(folder.path()));
    REQUIRE(store->commit(
        testing::appends({testing::message("e1"), testing::message("e2")})));
    store->close();
  }
  const auto good = crossdock_says({"ledger", "verify", folder.path().string()});
  INFO(good.out + good.err);
  CHECK(good.code == exit_code::ok);
  CHECK(says(good.out, "The ledger verifies."));
  {
    // One byte of what was said, changed behind the ledger's back.
    std::fstream file(folder.database(), std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)),
                      std::istreambuf_iterator<char>());
    const auto at = bytes.find("{\"qty\":\"3\"}");
    REQUIRE(at != std::string::npos);
    file.clear();
    file.seekp(static_cast<std::streamoff>(at) + 8);
    file.put('9');
  }
  const auto bad = crossdock_says({"ledger", "verify", folder.path().string(), "--json"});
  CHECK(bad.code == exit_code::unverified);
  CHECK(json::parse(bad.out).at("good") == false);
  CHECK(!json::parse(bad.out).at("findings").empty());
}

TEST_CASE("an archive is written, verified with a key, and judged by what was kept", "[cli]") {
  using namespace crossdock::ledger;
  const temporary_directory folder;
  const temporary_directory around;
  const auto archive = (around.path() / "archive").string();
  {
    auto store = testing::open_store(testing::test_options(folder.path()));
    REQUIRE(store->commit(testing::appends({testing::message("e1")})));
    store->close();
  }
  const auto key = (folder.path() / "ledger.pub").string();
  const auto made = crossdock_says(
      {"ledger", "archive", archive, "--ledger", folder.path().string(), "--json"});
  INFO(made.out + made.err);
  CHECK(made.code == exit_code::ok);
  CHECK(json::parse(made.out).at("added") == 1);
  const auto without = crossdock_says({"ledger", "verify", archive});
  CHECK(without.code == exit_code::bad_input);
  CHECK(says(without.err, "--key"));
  CHECK(says(crossdock_says({"ledger", "verify", archive, "--key", key}).out,
             "The archive verifies."));
  const auto kept = (around.path() / "kept").string();
  std::filesystem::copy_file(archive + "/checkpoint", kept);
  CHECK(crossdock_says({"ledger", "verify", archive, "--key", key, "--known", kept}).code ==
        exit_code::ok);
  std::ofstream(kept) << "something else\n";
  CHECK(crossdock_says({"ledger", "verify", archive, "--key", key, "--known", kept}).code ==
        exit_code::unverified);
  CHECK(crossdock_says({"ledger", "verify", archive, "--key", "nonsense"}).code ==
        exit_code::bad_input);
  CHECK(crossdock_says({"ledger", "archive", archive, "--ledger", archive}).code ==
        exit_code::not_found);
  const auto proof = (around.path() / "one.tlog-proof").string();
  CHECK(crossdock_says({"ledger", "prove", "1", "--archive", archive, "--output", proof}).code ==
        exit_code::ok);
  const auto proven = crossdock_says({"ledger", "check-proof", proof, "--key", key, "--json"});
  CHECK(json::parse(proven.out).at("header").at("id") == "e1");
  CHECK(crossdock_says({"ledger", "prove", "2", "--archive", archive}).code ==
        exit_code::not_found);
  std::ofstream(proof, std::ios::app) << "more";
  CHECK(crossdock_says({"ledger", "check-proof", proof, "--key", key}).code != exit_code::ok);
}

TEST_CASE("ledger verify of a folder without a ledger is exit code 5", "[cli]") {
  const temporary_directory folder;
  const auto t = crossdock_says({"ledger", "verify", folder.path().string()});
  CHECK(t.code == exit_code::not_found);
  CHECK(says(t.err, folder.path().string()));
}

TEST_CASE("config check names file and line of what is wrong", "[cli]") {
  const temporary_directory folder;
  const auto file = folder.path() / "node.toml";
  std::ofstream(file) << "[node]\nname = \"n\"\ndata = \"data\"\ncatalogue = \"none\"\n"
                         "[policy]\nfile = \"missing.toml\"\n";
  const auto t = crossdock_says({"config", "check", file.string()});
  CHECK(t.code == exit_code::bad_input);
  CHECK(says(t.err,
             (folder.path() / "none").string())); // every problem, not the first alone
  CHECK(says(t.err, (folder.path() / "missing.toml").string()));
  std::ofstream(file) << "[node]\nname = 3\n";
  CHECK(says(crossdock_says({"config", "check", file.string()}).err,
             "node.toml:2: node.name"));
}

TEST_CASE("plugin lock refuses what the node would refuse", "[cli]") {
  const temporary_directory folder;
  const auto file = folder.path() / "no_plugin.so";
  std::ofstream(file) << "no ELF";
  const auto t = crossdock_says({"plugin", "lock", file.string(), "--output",
                                 (folder.path() / "plugins.lock").string()});
  CHECK(t.code == exit_code::bad_input);
  CHECK(!std::filesystem::exists(folder.path() / "plugins.lock"));
}

TEST_CASE("what crossdock plugin does not do itself goes to the partner's tool",
          "[cli]") {
  using words = std::vector<std::string>;
  const words own{"list", "lock"};
  const auto handed = [&](const words& arguments) {
    return cli::for_partner_tool(arguments, own).value_or(words{"nothing"});
  };
  CHECK(handed({"plugin", "check", "a.so", "--help"}) ==
        words{"check", "a.so", "--help"});
  CHECK(handed({"plugin", "later", "--", "-x"}) == words{"later", "--", "-x"});
  CHECK(handed({"--json", "--config", "plugin", "plugin", "inspect", "a.so"}) ==
        words{"inspect", "--json", "a.so"});
  CHECK(handed({"--socket=x", "plugin", "--json", "run"}) == words{"run", "--json"});
  for (const auto& kept : std::vector<words>{{"plugin", "list"},
                                             {"plugin", "lock", "check"},
                                             {"plugin"},
                                             {"plugin", "--help"},
                                             {"--as", "plugin", "check"},
                                             {"case", "show", "check"},
                                             {}}) {
    CHECK(handed(kept) == words{"nothing"});
  }
}

TEST_CASE("a partner's tool that is not there is named with the remedy", "[cli]") {
  const auto t = crossdock_says({"plugin", "inspect", "a.so"});
  CHECK(t.code == exit_code::not_found);
  CHECK(says(t.err, "crossdock plugin inspect"));
  CHECK(says(t.err, "install the SDK"));
  CHECK(says(crossdock_says({"plugin", "inspect", "--json", "a.so"}).out, "\"not_found\""));
  CHECK(says(crossdock_says({"plugin", "--help"}).out, "inspect"));
}

TEST_CASE("completion scripts know every command", "[cli]") {
  for (const auto* shell : {"bash", "zsh", "fish"}) {
    const auto t = crossdock_says({"completion", shell});
    CHECK(t.code == exit_code::ok);
    CHECK(says(t.out, "approve"));
    CHECK(says(t.out, "dead-letter"));
  }
}

TEST_CASE("bash completes commands, options and files", "[cli]") {
  const temporary_directory folder;
  std::ofstream(folder.path() / "script") << crossdock_says({"completion", "bash"}).out;
  std::ofstream(folder.path() / "node-one.toml") << "";
  /// What bash offers for the last of these words.
  const auto offers = [&](const std::vector<std::string>& words) {
    std::string command =
        "cd '" + folder.path().string() + "' && source ./script && COMP_WORDS=(crossdock";
    for (const auto& w : words) {
      command += " '" + w + "'";
    }
    command += ") && COMP_CWORD=" + std::to_string(words.size()) +
               " && _crossdock 2>&1; printf '%s ' \"${COMPREPLY[@]}\"";
    std::ofstream(folder.path() / "ask") << command;
    FILE* out = ::popen(("bash '" + (folder.path() / "ask").string() + "'").c_str(), "r");
    REQUIRE(out != nullptr);
    std::string text;
    char chunk[4096];
    while (const auto n = std::fread(chunk, 1, sizeof chunk, out)) {
      text.append(chunk, n);
    }
    CHECK(::pclose(out) == 0);
    return " " + text;
  };
  CHECK(says(offers({""}), " doctor "));
  CHECK(offers({"doc"}) == " doctor ");
  CHECK(says(offers({"node", ""}), " reload "));
  CHECK(offers({"node", "reload", "--dry"}) == " --dry-run ");
  CHECK(offers({"node", "re"}) == " reload ");
  CHECK(offers({"doctor", "node-"}) == " node-one.toml ");
  CHECK(offers({"config", "check", "node-"}) == " node-one.toml ");
  CHECK(offers({"--config", "node-"}) == " node-one.toml ");
  CHECK(offers({"ledger", "verify", "--key", "node-"}) == " node-one.toml ");
  CHECK(offers({"plugin", "insp"}) == " inspect ");
  CHECK(offers({"plugin", "inspect", "node-"}) == " node-one.toml ");
  // An option's value is no command, wherever the option stands.
  CHECK(offers({"--config", "node-one.toml", "node", "re"}) == " reload ");
  CHECK(offers({"completion", "f"}) == " fish ");
  CHECK(offers({"plan", "eval", "newsvendor_p"}) == " newsvendor_poisson ");
}

TEST_CASE("a table wraps its widest column and keeps ids whole", "[cli]") {
  std::ostringstream out;
  cli::screen s(out, 40, false);
  cli::table t({{"id", false, true}, {"what"}});
  t.row(
      {"01JDA000000000000000000001", "a sentence that is too long for the place it has"});
  t.print(s);
  CHECK(says(out.str(), "01JDA000000000000000000001"));
  std::istringstream lines(out.str());
  for (std::string line; std::getline(lines, line);) {
    CHECK(cli::columns_of(line) <= 40);
  }
}
