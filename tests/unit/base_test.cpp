#include "base/clock.hpp"
#include "base/decimal.hpp"
#include "base/digest.hpp"
#include "base/envelope.hpp"
#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/proposal.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <set>
#include <thread>

using namespace crossdock;

namespace {

timestamp at(const char* text) {
  return parse_rfc3339(text).value();
}

proposal transfer() {
  proposal p;
  p.id = "01P";
  p.tenant = "default";
  p.case_id = "case-1";
  p.flow = "backorder-prevention/1";
  p.step = "transfer";
  p.agent = "replenishment";
  p.agent_release = "crossdock.replenishment 0.1.0 sha256:aa";
  p.tool = "erp.transfer.create";
  p.args = {{"item", "SKU-1"}, {"quantity", "7"}};
  p.amount = money{decimal::from_units(180), "USD"};
  p.confidence_permille = 900;
  p.object_key = "line-1";
  fact f;
  f.name = "available";
  f.value = "12";
  f.system = "sim";
  f.record = "stock/B2/SKU-1";
  f.as_of = at("2026-11-23T08:15:00Z");
  f.material = true;
  f.tolerance = decimal::from_units(5);
  f.read = {{"tool", "erp.stock"}, {"args", json::object()}, {"pointer", "/available"}};
  p.facts = {f};
  p.created_at = at("2026-11-23T08:15:01Z");
  p.expires_at = at("2026-11-23T12:15:01Z");
  p.causes = {3, 4};
  return p;
}

} // namespace

// -- decimal
// -------------------------------------------------------------------------------------

TEST_CASE("a decimal keeps what was written and refuses what is not exact", "[base]") {
  for (const auto& [text, shortest] : std::map<std::string, std::string>{
           {"0", "0"},
           {"-0", "0"},
           {"12.50", "12.5"},
           {"-3.000001", "-3.000001"},
           {"007", "7"},
           {"9223372036854.775807", "9223372036854.775807"},
           {"-9223372036854.775808", "-9223372036854.775808"}}) {
    const auto d = decimal::parse(text);
    INFO(text);
    REQUIRE(d);
    CHECK(d->str() == shortest);
    CHECK(decimal::parse(d->str()).value() == *d);
  }
  for (const auto* text : {"", "-", ".5", "5.", "1e3", "+1", " 1", "1 ", "1,5", "1.2.3",
                           "--1", "0.1234567", "nan", "1_000", "\xd9\xa3"}) {
    INFO(text);
    const auto d = decimal::parse(text);
    REQUIRE_FALSE(d);
    CHECK(d.error().code() == errc::malformed);
  }
  for (const auto* text :
       {"9223372036854.775808", "-9223372036854.775809", "99999999999999"}) {
    const auto d = decimal::parse(text);
    REQUIRE_FALSE(d);
    CHECK(d.error().code() == errc::limit);
  }
}

TEST_CASE("decimal arithmetic is exact, rounds half to even and reports overflow",
          "[base]") {
  const auto d = [](const char* text) { return decimal::parse(text).value(); };
  CHECK(d("0.1").plus(d("0.2")).value() == d("0.3"));
  CHECK(d("1").minus(d("1.000001")).value() == d("-0.000001"));
  CHECK(d("19.99").times(d("3")).value() == d("59.97"));
  CHECK(d("0.000001").times(d("0.5")).value() == d("0"));
  CHECK(d("0.000003").times(d("0.5")).value() == d("0.000002"));
  CHECK(d("-0.000003").times(d("0.5")).value() == d("-0.000002"));
  CHECK(d("0.000001").times(d("0.500001")).value() == d("0.000001"));
  const auto most = decimal::from_micros(std::numeric_limits<std::int64_t>::max());
  CHECK(most.plus(d("0.000001")).error().code() == errc::limit);
  CHECK(most.times(d("2")).error().code() == errc::limit);
  CHECK(d("-1") < d("0.5"));
}

TEST_CASE("money names its currency", "[base]") {
  const auto m = money::parse("1500.00 EUR");
  REQUIRE(m);
  CHECK(m->str() == "1500 EUR");
  for (const auto* text :
       {"1500", "EUR 1500", "1500 eur", "1500 EURO", "1500  EUR", "1500 EUR "}) {
    INFO(text);
    CHECK_FALSE(money::parse(text));
  }
}

// -- json
// ------------------------------------------------------------------------------------------

TEST_CASE("JSON is refused if it is ambiguous, broken, too large or too deep", "[base]") {
  const auto code = [](const std::string& text, json_limits limits = {}) {
    const auto v = parse_json(text, limits);
    REQUIRE_FALSE(v);
    return v.error().code();
  };
  CHECK(parse_json(R"({"a":[1,2.5,"x",null,true]})"));
  for (const auto* text :
       {"", "{", R"({"a":1,"a":2})", R"({"a":{"b":1,"b":1}})", "[1,]", "{'a':1}", "01",
        "NaN", "1 2", "\"\xff\"", "\"\\ud800\"", "[1e999]", "// x\n1"}) {
    INFO(text);
    CHECK(code(text) == errc::malformed);
  }
  CHECK(code("\"0123456789\"", {.bytes = 8}) == errc::limit);
  CHECK(code("[[[1]]]", {.depth = 2}) == errc::limit);
  CHECK(parse_json("[[1]]", {.depth = 2}));
  CHECK(code(std::string(100'000, '[')) == errc::limit);
}

TEST_CASE("canonical JSON is RFC 8785 for what it takes", "[base]") {
  const auto canonical = [](const char* text) {
    return canonical_json(parse_json(text).value()).value();
  };
  // RFC 8785 §3.2.2, without its floats: key order, escapes, literals.
  CHECK(canonical(R"({ "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
                       "literals": [null, true, false], "numbers": [333333333, -7, 0] })") ==
        "{\"literals\":[null,true,false],\"numbers\":[333333333,-7,0],"
        "\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
  CHECK(canonical(R"({"b":1,"a":{"d":[],"c":{}},"B":2,"":3})") ==
        R"({"":3,"B":2,"a":{"c":{},"d":[]},"b":1})");
  CHECK(canonical(R"("\b\f\r\t\u001f\u007f")") == "\"\\b\\f\\r\\t\\u001f\x7f\"");
  CHECK(canonical("9007199254740992") == "9007199254740992");
}

TEST_CASE("what has no canonical form is refused with its place", "[base]") {
  const auto place = [](const json& v) {
    const auto r = canonical_json(v);
    REQUIRE_FALSE(r);
    CHECK(r.error().code() == errc::invalid);
    return r.error().context().at(0).second;
  };
  CHECK(place({{"a", {1, 2.5}}}) == "/a/1");
  CHECK(place({{"n", std::int64_t{9007199254740993}}}) == "/n");
  CHECK(place({{"n", std::int64_t{-9007199254740993}}}) == "/n");
  CHECK(place({{"x", {{"\xc3\xa4", 1}}}}) == "/x");
  CHECK(place({{"s", "\xff"}}) == "/s");
}

TEST_CASE("a JSON Pointer finds what RFC 6901 says", "[base]") {
  const auto v =
      parse_json(R"({"foo":["bar","baz"],"":0,"a/b":1,"m~n":8,"x~1y":9})").value();
  CHECK(find_pointer(v, "") == &v);
  CHECK(*find_pointer(v, "/foo/0") == "bar");
  CHECK(*find_pointer(v, "/") == 0);
  CHECK(*find_pointer(v, "/a~1b") == 1);
  CHECK(*find_pointer(v, "/m~0n") == 8);
  CHECK(*find_pointer(v, "/x~01y") == 9);
  for (const auto* pointer :
       {"foo", "/foo/2", "/foo/-", "/foo/00", "/foo/0/x", "/nothing"}) {
    INFO(pointer);
    CHECK(find_pointer(v, pointer) == nullptr);
  }
}

// -- time and ids
// ---------------------------------------------------------------------------------

TEST_CASE("times are read with any offset and written in UTC", "[base]") {
  CHECK(to_rfc3339(at("2026-11-23T08:15:00+01:00")) == "2026-11-23T07:15:00Z");
  CHECK(to_rfc3339(at("2026-11-23T23:30:00.123456-05:30")) ==
        "2026-11-24T05:00:00.123456Z");
  CHECK(to_rfc3339(at("2024-02-29T00:00:00.5z")) == "2024-02-29T00:00:00.500000Z");
  CHECK(to_rfc3339(at("1969-12-31T23:59:59.999999Z")) == "1969-12-31T23:59:59.999999Z");
  CHECK(at("2016-12-31T23:59:60Z") == at("2017-01-01T00:00:00Z"));
  for (const auto* text :
       {"", "2026-11-23", "2026-11-23 08:15:00Z", "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T08:15:00",
        "2026-11-23T08:15:00.Z", "2026-11-23T08:15:00+1:00", "2026-11-23T08:15:00Zx",
        "2026-11-23T08:15:00+24:00"}) {
    INFO(text);
    CHECK_FALSE(parse_rfc3339(text));
  }
}

TEST_CASE(
    "ids sort by time, and by order within a millisecond, even if the clock goes back",
    "[base]") {
  auto time = std::make_shared<manual_clock>(at("2026-11-23T08:15:00Z"));
  id_source ids(time, std::make_shared<seeded_random>(7));
  std::string last;
  for (int i = 0; i < 3000; ++i) {
    const auto id = ids.next();
    REQUIRE(id.size() == 26);
    REQUIRE(id > last);
    last = id;
    if (i % 500 == 250) {
      time->advance(std::chrono::milliseconds(i % 1000 == 250 ? 7 : -20));
    }
  }
  CHECK(last.substr(0, 7) == "01M83QH"); // milliseconds since the epoch
}

TEST_CASE("ids of many threads are distinct", "[base]") {
  id_source ids(std::make_shared<manual_clock>(at("2026-11-23T08:15:00Z")),
                std::make_shared<seeded_random>(7));
  std::vector<std::vector<std::string>> made(8);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : made) {
      threads.emplace_back([&ids, &mine] {
        for (int i = 0; i < 2000; ++i) {
          mine.push_back(ids.next());
        }
      });
    }
  }
  std::set<std::string> all;
  for (const auto& mine : made) {
    CHECK(std::is_sorted(mine.begin(), mine.end()));
    all.insert(mine.begin(), mine.end());
  }
  CHECK(all.size() == 16'000);
}

// -- digests
// ----------------------------------------------------------------------------------------

TEST_CASE("SHA-256 gives the vectors of FIPS 180-4 and of RFC 6962", "[base]") {
  CHECK(to_hex(sha256_of("")) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(to_hex(sha256_of("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(to_hex(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  // The hash of an empty leaf.
  CHECK(to_hex(sha256_of(std::uint8_t{0}, "")) ==
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  CHECK(sha256_of(std::uint8_t{1}, "a", "bc") == sha256_of(std::uint8_t{1}, "ab", "c"));
  const auto d = sha256_of("abc");
  CHECK(sha256_from_hex(to_hex(d)).value() == d);
  CHECK_FALSE(sha256_from_hex("abc"));
  CHECK_FALSE(sha256_from_hex(std::string(64, 'g')));
}

TEST_CASE("the digest of a file is the digest of its bytes", "[base]") {
  const auto file = std::filesystem::temp_directory_path() /
                    ("crossdock-base-" + std::to_string(system_random().next()));
  const std::string bytes(200'000, 'x');
  std::ofstream(file, std::ios::binary) << bytes;
  CHECK(sha256_of_file(file).value() == sha256_of(bytes));
  std::filesystem::remove(file);
  const auto gone = sha256_of_file(file);
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code() == errc::not_found);
}

// -- envelope
// ------------------------------------------------------------------------------------------

TEST_CASE("an envelope survives its JSON form", "[base]") {
  envelope e;
  e.id = "01E";
  e.source = "sql:sim";
  e.type = "order.line";
  e.subject = "SKU-1@B1";
  e.time = at("2026-11-23T08:15:00.25Z");
  e.dataschema = "order.line/1";
  e.data = R"({"line":"L1","qty":"10"})";
  e.tenant = "default";
  e.site = "B1";
  e.case_id = "case-1";
  e.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  e.labels = {"personal", "untrusted"};
  e.causes = {1, 18446744073709551615ULL};
  const auto v = to_json(e);
  CHECK(v["specversion"] == "1.0");
  CHECK(v["data"]["line"] == "L1");
  const auto back = envelope_from_json(v);
  REQUIRE(back);
  CHECK(to_json(*back) == v);
  CHECK(back->time == e.time);
  CHECK(parse_json(back->data).value() == parse_json(e.data).value());

  for (const auto* name : {"id", "source", "type", "time"}) {
    auto broken = v;
    broken.erase(name);
    CHECK_FALSE(envelope_from_json(broken));
  }
  auto broken = v;
  broken["labels"] = {1};
  CHECK_FALSE(envelope_from_json(broken));
  CHECK_FALSE(envelope_from_json(json::array()));
}

// -- proposal
// --------------------------------------------------------------------------------------------

TEST_CASE("a proposal survives its JSON form with the same digest", "[base]") {
  auto p = transfer();
  p.expected_value = money{decimal::from_micros(1'500'000), "USD"};
  p.labels = {"untrusted"};
  p.rationale = {"Order 1 needs 10."};
  p.facts[0].value = 12.5;
  const auto back = proposal::from_json(parse_json(to_text(p.to_json())).value());
  REQUIRE(back);
  CHECK(back->to_json() == p.to_json());
  CHECK(back->action_digest() == p.action_digest());
  CHECK(back->idempotency_key() == p.idempotency_key());
}

TEST_CASE("the action digest changes with everything that is bound", "[base]") {
  const auto original = transfer().action_digest();
  CHECK(original.size() == 64);
  const auto changed = [&](auto change) {
    auto p = transfer();
    change(p);
    return p.action_digest() != original;
  };
  CHECK(changed([](proposal& p) { p.tenant = "acme"; }));
  CHECK(changed([](proposal& p) { p.case_id = "case-2"; }));
  CHECK(changed([](proposal& p) { p.step = "promise"; }));
  CHECK(changed([](proposal& p) { p.agent_release += "b"; }));
  CHECK(changed([](proposal& p) { p.tool = "erp.order.promise"; }));
  CHECK(changed([](proposal& p) { p.args["quantity"] = "8"; }));
  CHECK(changed([](proposal& p) { p.args["note"] = "x"; }));
  CHECK(changed([](proposal& p) { p.amount->amount = decimal::from_units(181); }));
  CHECK(changed([](proposal& p) { p.amount->currency = "EUR"; }));
  CHECK(changed([](proposal& p) { p.amount.reset(); }));
  CHECK(changed([](proposal& p) { p.object_key = "line-2"; }));
  CHECK(changed([](proposal& p) { p.facts[0].name = "on_hand"; }));
  CHECK(changed([](proposal& p) { p.facts[0].value = "11"; }));
  CHECK(changed([](proposal& p) { p.facts[0].value = 12; }));
  CHECK(changed([](proposal& p) { p.facts[0].system = "tryton"; }));
  CHECK(changed([](proposal& p) { p.facts[0].record = "stock/B3/SKU-1"; }));
  CHECK(changed([](proposal& p) { p.facts[0].material = false; }));
  CHECK(changed([](proposal& p) { p.facts.push_back(p.facts[0]); }));

  // What only explains is not bound: a better sentence is not another action.
  CHECK_FALSE(changed([](proposal& p) { p.summary = "other words"; }));
  CHECK_FALSE(changed([](proposal& p) { p.confidence_permille = 1; }));
  CHECK_FALSE(changed([](proposal& p) { p.id = "01Q"; }));
}

TEST_CASE("the key of an effect is fixed by tenant, case, step and action", "[base]") {
  const auto p = transfer();
  CHECK(p.idempotency_key().size() == 35);
  CHECK(p.idempotency_key().substr(0, 3) == "cd-");
  auto q = p;
  CHECK(q.idempotency_key() == p.idempotency_key());
  q.case_id = "case-2";
  CHECK(q.idempotency_key() != p.idempotency_key());
}

TEST_CASE("a malformed proposal or fact is an error, never an exception", "[base]") {
  const auto good = transfer().to_json();
  const auto bad = [&](const char* pointer, json value) {
    auto v = good;
    v[json::json_pointer(pointer)] = std::move(value);
    std::optional<result<proposal>> r;
    INFO(pointer);
    REQUIRE_NOTHROW(r = proposal::from_json(v));
    return !r->ok();
  };
  CHECK(bad("/tool", ""));
  CHECK(bad("/args", "text"));
  CHECK(bad("/args", nullptr));
  CHECK(bad("/amount", "180 USD"));
  CHECK(bad("/amount/amount", 180));
  CHECK(bad("/amount/currency", "US"));
  CHECK(bad("/confidence_permille", 1001));
  CHECK(bad("/confidence_permille", "900"));
  CHECK(bad("/confidence_permille", 0.9));
  CHECK(bad("/created_at", "yesterday"));
  CHECK(bad("/facts/0", 7));
  CHECK(bad("/facts/0/name", ""));
  CHECK(bad("/facts/0/as_of", "now"));
  CHECK(bad("/facts/0/material", "yes"));
  CHECK(bad("/facts/0/tolerance", "a lot"));
  CHECK(bad("/facts/0/tolerance", "-1"));
  CHECK_FALSE(bad("/summary", "other words"));
  CHECK_FALSE(proposal::from_json(json::array()));
  std::optional<result<verdict>> v;
  REQUIRE_NOTHROW(v = verdict::from_json(json::array()));
  CHECK_FALSE(*v);
  REQUIRE_NOTHROW(v = verdict::from_json(json("allow")));
  CHECK_FALSE(*v);
}
