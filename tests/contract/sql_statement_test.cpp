// What the sql connector knows without a database: PostgreSQL's grammar, codes and
// values, and when a wake-up is due.
#include <catch2/catch.hpp>

#include "postgres_text.hpp"
#include "wakes.hpp"

using namespace crossdock::sql;
using namespace std::chrono_literals;

namespace {

std::string rewritten(std::string_view text) {
  auto p = with_positions(text);
  std::string out = p.sql;
  for (const auto& name : p.names)
    out += " " + name;
  return out;
}

template <class T>
T as(std::uint32_t type, std::string_view text) {
  return std::get<T>(postgres_value(type, text));
}

} // namespace

TEST_CASE("each place of a named parameter has its own number", "[sql]") {
  CHECK(rewritten("SELECT :a WHERE :a IS NULL OR b = :b_2") ==
        "SELECT $1 WHERE $2 IS NULL OR b = $3 a a b_2");
  CHECK(rewritten("x=:a::date+:b") == "x=$1::date+$2 a b");
}

TEST_CASE("what only looks like a parameter stays as it is", "[sql]") {
  for (const std::string text :
       {"SELECT 'it''s :a', E'it\\'s :a', \":a\" \"\"\":a\"", "SELECT now()::time(0)",
        "SELECT a[1 :2], b[:2]", "-- :a\n/* :a /* :b */ :c */ SELECT 1",
        "SELECT $$ :a $$, $x$ :a $$ :b $x$", "SELECT f(a := 1)", "SELECT 'open :a",
        "SELECT $1, a$b$ + 1e5", "/* open :a"}) {
    CHECK(rewritten(text) == text);
  }
  CHECK(rewritten("SELECT $x$ :a $x$, :b") == "SELECT $x$ :a $x$, $1 b");
  CHECK(rewritten("SELECT na'\\':a, ':b'") == "SELECT na'\\'$1, ':b' a");
}

TEST_CASE("reading statements are told from writing ones", "[sql]") {
  for (const auto* text :
       {"SELECT 1", " -- DELETE\n select 'insert'", "WITH x AS (SELECT 1) TABLE x",
        "(SELECT 1) UNION (SELECT 2)", "VALUES (1)",
        "SELECT on_hand FROM stock FOR UPDATE", "SELECT 1 FROM a FOR NO KEY UPDATE OF a",
        "SELECT updated_at, \"delete\" FROM a"})
    CHECK(only_reads(text));
  for (const auto* text :
       {"", "INSERT INTO a VALUES (1)", "WITH x AS (DELETE FROM a RETURNING 1) SELECT 1",
        "SELECT 1 INTO b", "EXPLAIN ANALYZE SELECT 1", "UPDATE a SET b = 1",
        "MERGE INTO a USING b ON true WHEN MATCHED THEN DO NOTHING",
        "DO $$ BEGIN END $$"})
    CHECK_FALSE(only_reads(text));
  CHECK(is_empty(" \n-- nothing\n/* here */ ;"));
  CHECK_FALSE(is_empty("SELECT 1"));
}

TEST_CASE("an SQLSTATE says whether it is worth another try", "[sql]") {
  using t = trouble;
  const std::map<std::string, trouble> meaning = {
      {"40001", t::busy},   {"40P01", t::busy},   {"55P03", t::busy},
      {"57014", t::busy},   {"53300", t::busy},   {"23505", t::unique},
      {"23503", t::rule},   {"23514", t::rule},   {"P0001", t::rule},
      {"22P02", t::rule},   {"ZZ001", t::rule},   {"42P01", t::schema},
      {"42703", t::schema}, {"42601", t::schema}, {"42501", t::schema},
      {"25006", t::schema}, {"3D000", t::schema}, {"08006", t::io},
      {"57P01", t::io},     {"57P02", t::io},     {"57P03", t::io},
      {"25P03", t::io},     {"58030", t::io},     {"XX000", t::io},
      {"40003", t::io}};
  for (const auto& [state, kind] : meaning) {
    INFO(state);
    CHECK(trouble_of(state) == kind);
  }
}

TEST_CASE("values keep their type, decimals every digit, instants their zone", "[sql]") {
  CHECK(as<bool>(16, "t"));
  CHECK_FALSE(as<bool>(16, "f"));
  CHECK(as<std::int64_t>(20, "-9223372036854775808") == INT64_MIN);
  CHECK(as<double>(701, "0.1") == 0.1);
  CHECK(as<std::string>(701, "NaN") == "NaN");
  CHECK(as<std::string>(1700, "12345678901234567890.10") == "12345678901234567890.10");
  CHECK(as<std::string>(1184, "2026-03-02 09:30:00+00") == "2026-03-02T09:30:00Z");
  CHECK(as<std::string>(1184, "2026-03-02 09:30:00.125+00") ==
        "2026-03-02T09:30:00.125Z");
  CHECK(as<std::string>(1184, "infinity") == "infinity");
  CHECK(as<std::string>(1184, "0044-03-15 12:00:00+00 BC") ==
        "0044-03-15 12:00:00+00 BC");
  CHECK(as<std::string>(1114, "2026-03-02 09:30:00") == "2026-03-02T09:30:00");
  CHECK(as<std::string>(1082, "2026-03-02") == "2026-03-02");
}

TEST_CASE("a feed is woken at once, and not again before it was polled", "[sql]") {
  wake_gate gate;
  const instant start{};
  using names = std::vector<std::string>;
  CHECK(gate.next() == instant::max());
  gate.news("a");
  gate.news("a");
  gate.news("b");
  CHECK(gate.next() <= start);
  CHECK(gate.take_due(start) == names{"a", "b"});
  gate.news("a"); // while its wake-up is on its way
  CHECK(gate.take_due(start + 1h).empty());
  CHECK(gate.next() == instant::max());
  gate.polled("a", start + 1h, std::nullopt);
  gate.polled("b", start + 1h, std::nullopt);
  CHECK(gate.next() == start + 1h + wake_gate::pause);
  CHECK(gate.take_due(start + 1h).empty());
  CHECK(gate.take_due(start + 1h + wake_gate::pause) == names{"a"});
  gate.polled("a", start + 2h, 500ms); // failed: again, later
  CHECK(gate.take_due(start + 2h + 499ms).empty());
  CHECK(gate.take_due(start + 2h + 500ms) == names{"a"});
}
