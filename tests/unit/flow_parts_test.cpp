/// What a flow file may say, ranking arithmetic, and the rows of cases.
#include "unit/flow_support.hpp"

#include "flow/rank.hpp"

#include <filesystem>

using namespace flow_test;

namespace {

/// The shipped flow with one text replaced.
std::string changed(const std::string& from, const std::string& to) {
  auto text = shipped_flow();
  const auto found = text.find(from);
  REQUIRE(found != std::string::npos);
  return text.replace(found, from.size(), to);
}

std::size_t line_of(const std::string& text, const std::string& what) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(text.find(what));
  return static_cast<std::size_t>(std::count(text.begin(), end, '\n')) + 1;
}

} // namespace

TEST_CASE("what is wrong in a flow file is told with file, line and field", "[flow]") {
  struct mistake {
    const char* from;
    const char* to;
    const char* field;
    const char* message;
  };
  const mistake mistakes[] = {
      {"description = ", "descriptoin = ", "flow", "\"description\" is missing"},
      {"case_key = \"{line}\"", "case_key = \"{line\"", "flow.case_key", "{member}"},
      {"alternatives = ", "alternatvies = ", "step[4].alternatvies", "unknown key"},
      {"timeout = \"", "timeout = \"about ", "step[0].timeout", "not a time like"},
      {"floor = \"", "floor = 5.5 # \"", "step[4].floor", "written as text"},
      {"version = ", "version = -", "flow.version", "a whole number from 1"},
      {"op = \">\", value = \"0\"", "op = \"=>\", value = \"0\"", "flow.trigger.when.op",
       "op is one of"},
      {"item = \"$/trigger/item\"", "item = \"$/triger/item\"", "step[0].payload.item",
       "leads nowhere"},
      {"loss = \"$/steps/impact", "loss = \"$/steps/transfer", "step[4].loss",
       "does not come earlier"},
      {"group = \"facts\"\nquestion = \"order",
       "group = \"facts\"\nwhen = { path = "
       "\"$/steps/pick/answer/options\", op = \"exists\" }\nquestion = \"order",
       "step[3]", "asked together with \"pick\""},
      {"by = \"options\"", "by = \"rank\"", "step[5].by", "no earlier ask"},
      {"executed = { close", "excuted = { close", "step[5].on.excuted",
       "unknown outcome"},
      {"retry_from = \"options\"", "retry_from = \"promise\"", "step[5].on.superseded",
       "no earlier step"},
      {"\"$/because/kind\"", "\"$/becuase/kind\"", "step[5].compensate.when.any[1].path",
       "leads nowhere"},
      {"$/args/quantity", "$/arg/quantity", "step[5].edit.amount.quantity",
       "leads nowhere"},
      {"kind = \"rank\"", "kind = \"rang\"", "step[4].kind", "ask, rank, propose, submit, close"},
      {"{/trigger/order}\"", "{/trigger/order\"", "step[5].summary", "a placeholder is"},
      {"$item/kind\", op", "$itme/kind\", op", "step[2].payload.options.where.path",
       "begins with"},
      {"fallback = { options = [] }", "", "step[2]", "\"fallback\" is missing"},
  };
  for (const auto& m : mistakes) {
    const auto text = changed(m.from, m.to);
    auto d = definition::compile(text, "flows/x.toml");
    INFO(m.from << " -> " << m.to);
    REQUIRE_FALSE(d);
    INFO(d.error().describe());
    CHECK(d.error().message().find(m.message) != std::string::npos);
    std::map<std::string, std::string> context(d.error().context().begin(),
                                               d.error().context().end());
    CHECK(context["file"] == "flows/x.toml");
    CHECK(context["field"] == m.field);
    CHECK(std::stoul(context["line"]) >= 1);
  }
  const auto text = changed("timeout = \"", "timeout = \"soon ");
  auto d = definition::compile(text, "x");
  REQUIRE_FALSE(d);
  CHECK(d.error().describe().find("line: " + std::to_string(line_of(text, "\"soon "))) !=
        std::string::npos);
  auto broken = definition::compile("[flow\nid=", "x");
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code() == errc::malformed);
  CHECK(broken.error().describe().find("line: 1") != std::string::npos);
}

TEST_CASE("the trigger's condition and key are read from its payload", "[flow]") {
  const auto d = compiled(shipped_flow());
  const auto payload = *parse_json(trigger("0.5").data);
  CHECK(*d.accepts(payload));
  CHECK_FALSE(*d.accepts(*parse_json(trigger("0").data)));
  CHECK(*d.trigger_key(payload) == "L1");
  CHECK_FALSE(d.trigger_key(json{{"order", "O1"}}));
  CHECK(d.settle_topic() == "order.line_settled");
}

TEST_CASE("conditions compare decimals as decimals, dates as dates and text as text",
          "[flow]") {
  const json data{{"trigger",
                   {{"n", "10.0"},
                    {"big", "9007199254740.993"},
                    {"item", "010"},
                    {"date", "2026-11-25"},
                    {"when", "2026-11-25T01:00:00+02:00"},
                    {"list", json::array()},
                    {"p", 0.3}}}};
  const auto holds = [&](const char* path, const char* op, json value,
                         const char* type = "") {
    json source{{"path", path}, {"op", op}};
    if (!value.is_null()) {
      source["value"] = std::move(value);
    }
    if (*type) {
      source["type"] = type;
    }
    auto c = condition::compile(source, nullptr);
    REQUIRE(c);
    return c->holds(scope{data});
  };
  CHECK(*holds("$/trigger/n", ">", "9"));
  CHECK(*holds("$/trigger/n", "=", 10));
  CHECK_FALSE(*holds("$/trigger/n", "=", "10"));
  CHECK(*holds("$/trigger/n", "=", "10", "decimal"));
  CHECK(*holds("$/trigger/big", "<", "9007199254740.994"));
  CHECK_FALSE(*holds("$/trigger/item", "=", "10"));
  CHECK(*holds("$/trigger/p", "<=", "0.3"));
  CHECK(*holds("$/trigger/date", "<", "2026-12-01"));
  CHECK(*holds("$/trigger/when", "<", "2026-11-25"));
  CHECK(*holds("$/trigger/item", "in", {"011", "010"}));
  CHECK(*holds("$/trigger/list", "empty", nullptr));
  CHECK_FALSE(*holds("$/trigger/none", "exists", nullptr));
  CHECK_FALSE(*holds("$/trigger/none", "<", "1"));
  CHECK(*holds("$/trigger/none", "!=", "1"));
  auto nonsense = holds("$/trigger/list", "<", "1");
  REQUIRE_FALSE(nonsense);
  CHECK(nonsense.error().code() == errc::schema);
}

TEST_CASE("ranking drops what cannot be, and breaks a tie by the earlier date",
          "[flow]") {
  rank_step rule;
  rule.options = "$/trigger/options";
  rule.loss = {{"amount", "1000"}, {"currency", "EUR"}};
  rule.probability_lost = "0.5";
  rule.needed = "7";
  rule.baseline = {"wait"};
  rule.floor = decimal::from_units(5);
  const auto run = [&](json options) {
    const json data{{"trigger", {{"options", std::move(options)}}}};
    auto r = rank_options(rule, scope{data});
    REQUIRE(r);
    return std::move(*r);
  };
  auto dollars = an_option("usd", "transfer", 0.9, "1");
  dollars["cost"]["currency"] = "USD";
  auto part = an_option("part", "transfer", 0.9, "8");
  part["quantity"] = "3.5";
  auto r = run({an_option("late", "transfer", 0.9, "8", "2026-11-25"),
                an_option("early", "transfer", 0.9, "8", "2026-11-24"), part, dollars,
                an_option("odd", "transfer", 1.5, "1"),
                an_option("sub", "substitute", 0.9, "1"),
                an_option("dear", "transfer", 0.9, "449")});
  CHECK(r["chosen"]["id"] == "early");
  REQUIRE(r["ranked"].size() == 3);
  CHECK(r["ranked"][1]["id"] == "late");
  CHECK(r["ranked"][0]["expected_value"]["amount"] == "442"); // 500 - 50 - 8
  CHECK(r["ranked"][2]["expected_value"]["amount"] == "217"); // 500 - 275 - 8
  CHECK(r["ranked"][2]["confidence_permille"] == 900);
  std::map<std::string, std::string> why;
  for (const auto& d : r["dropped"]) {
    why[d["id"]] = d["reason"];
  }
  CHECK(why["usd"].find("USD") != std::string::npos);
  CHECK(why["odd"].find("0 to 1") != std::string::npos);
  CHECK(why["sub"].find("needs a person") != std::string::npos);
  CHECK(why["dear"].find("less than the 5.00 that are") != std::string::npos);

  // Doing nothing works with 0.95: what costs more than the rest of the risk is no
  // better, and the floor is not for it.
  r = run({an_option("t", "transfer", 0.9, "30"), an_option("w", "wait", 0.95, "0")});
  CHECK(r["chosen"]["id"] == "w");
  CHECK(r["ranked"][0]["expected_value"]["amount"] == "0");
  CHECK_FALSE(run(json::array()).contains("chosen"));

  // What is on its way still comes beside the transfer: both must fail, 0.05 * 0.1.
  r = run({an_option("t", "transfer", 0.9, "8"), an_option("w", "wait", 0.95, "0")});
  CHECK(r["chosen"]["id"] == "t");
  CHECK(r["ranked"][0]["expected_value"]["amount"] == "14.5"); // 25 - 2.5 - 8
}

TEST_CASE("a tag comes back as it went out", "[flow]") {
  const tag t{"options", 12};
  auto read = tag::parse(t.str());
  REQUIRE(read);
  CHECK((read->step == "options" && read->run == 12));
  for (const char* wrong : {"", "options", " 1", "options x", "options 1 "}) {
    CHECK_FALSE(tag::parse(wrong));
  }
}

TEST_CASE("a stored state of a newer schema or a torn one is refused, not guessed",
          "[flow]") {
  auto torn = case_state::from_json(json{{"schema", 1}, {"case_id", 7}});
  REQUIRE_FALSE(torn);
  CHECK(torn.error().code() == errc::corrupt);
  auto newer = case_state::from_json(json{{"schema", 3}});
  REQUIRE_FALSE(newer);
  CHECK(newer.error().code() == errc::version);
}

TEST_CASE("the rows hold one live case per key and notice who was first", "[flow]") {
  namespace fs = std::filesystem;
  auto random = std::make_shared<system_random>();
  const auto dir =
      fs::temp_directory_path() / ("flow-test-" + std::to_string(random->next()));
  ledger::options o;
  o.directory = dir;
  o.time = std::make_shared<manual_clock>(at(0));
  o.random = random;
  o.migrations = migrations();
  auto opened_store = ledger::store::open(std::move(o));
  INFO((opened_store ? "" : opened_store.error().describe()));
  REQUIRE(opened_store);
  auto& store = **opened_store;
  const auto commit = [&](std::function<result<void>(ledger::transaction&)> work) {
    return store.commit({"test", ledger::record_class::a, std::move(work), {}, {}});
  };

  const auto flow = compiled(shipped_flow());
  driven_case c(flow);
  c.open();
  const auto first = c.state;
  case_rows rows;
  const auto copy = [](const case_state& s) { return std::make_shared<const case_state>(s); };
  REQUIRE(commit([&](auto& tx) { return remember(tx, flow); }));
  REQUIRE(commit([&](auto& tx) { return rows.insert(tx, copy(first)); }));

  auto second = first;
  second.case_id = "CASE2";
  auto twice = commit([&](auto& tx) { return rows.insert(tx, copy(second)); });
  REQUIRE_FALSE(twice);
  CHECK(twice.error().code() == errc::conflict);

  c.give(settled{settle(), 99});
  REQUIRE(commit([&](ledger::transaction& tx) -> result<void> {
    auto live = rows.find_live(tx, first.flow, "L1");
    if (!live || !*live || (*live)->rev != 1) {
      return error(errc::internal, "the live case was not found");
    }
    return rows.save(tx, copy(c.state), 1);
  }));
  auto stale = commit([&](auto& tx) { return rows.save(tx, copy(first), 1); });
  REQUIRE_FALSE(stale);
  CHECK(stale.error().code() == errc::conflict);
  case_rows forgetful; // as after a restart: the row alone says where the case stands
  stale = commit([&](auto& tx) { return forgetful.save(tx, copy(first), 1); });
  REQUIRE_FALSE(stale);
  CHECK(stale.error().code() == errc::conflict);
  REQUIRE(commit([&](auto& tx) { return rows.insert(tx, copy(second)); })); // the key is free again

  const auto other = compiled(changed("floor = \"", "floor = \"1"));
  auto changed_in_place = commit([&](auto& tx) { return remember(tx, other); });
  REQUIRE_FALSE(changed_in_place);
  CHECK(changed_in_place.error().code() == errc::conflict);

  auto reader = store.reader();
  REQUIRE(reader);
  auto lines = list(**reader, {}, 1);
  REQUIRE((lines && lines->size() == 1));
  CHECK(lines->front().case_id == "CASE2");
  lines = list(**reader, {.state = "closed", .flow = "", .key = "L1"}, 10, "CASE2");
  REQUIRE((lines && lines->size() == 1));
  CHECK(lines->front().outcome == "settled");
  auto found = find(**reader, "CASE1");
  REQUIRE(found);
  CHECK(found->rev == 2);
  CHECK(found->state.to_json() == c.state.to_json());
  CHECK(find(**reader, "nobody").error().code() == errc::not_found);
  CHECK(*open_cases(**reader, first.flow) == std::vector<std::string>{"CASE2"});
  auto pinned = find_definition(**reader, first.flow, flow.version());
  REQUIRE(pinned);
  CHECK((*pinned)->source() == flow.source());
  reader = error(errc::cancelled, "given back before the store closes");
  store.close();
  std::error_code ignored;
  fs::remove_all(dir, ignored);
}
