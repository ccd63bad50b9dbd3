#include "ledger/merkle.hpp"
#include "unit/ledger_fixture.hpp"

#include <sqlite3.h>

#include <thread>

using namespace crossdock;
using namespace crossdock::ledger;
using namespace crossdock::ledger::testing;

namespace {

/// Forty-one records on several channels under four checkpoints, and one record after
/// them.
void write_history(const std::filesystem::path& directory) {
  auto s = open_store(test_options(directory));
  for (int i = 0; i < 40; ++i) {
    auto r = message("e-" + std::to_string(i), "{\"n\":" + std::to_string(i) + "}");
    r.source = i % 3 == 0 ? "warehouse" : "order";
    r.case_id = "case-" + std::to_string(i % 5);
    REQUIRE(s->commit(appends({r})));
    if (i % 10 == 9) {
      REQUIRE(s->sign_checkpoint());
    }
  }
  s->close();
}

/// What somebody with the database file and a SQLite shell can do.
void tamper(const std::filesystem::path& directory, const std::string& sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open((directory / "ledger.db").c_str(), &db) == SQLITE_OK);
  char* message = nullptr;
  const int rc = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message);
  INFO((message != nullptr ? message : ""));
  CHECK(rc == SQLITE_OK);
  sqlite3_free(message);
  sqlite3_close(db);
}

std::string header_of(const std::filesystem::path& directory, int seq) {
  auto db = open_reader(directory / "ledger.db");
  REQUIRE(db);
  return (*db)
      ->query("SELECT header FROM record WHERE seq = ?", {std::int64_t{seq}})
      .value()[0]
      .text(0);
}

/// Changes a header and its stored leaf hash, as someone who knows the format would.
std::string rewrite(const std::filesystem::path& directory, int seq,
                    const std::string& from, const std::string& to) {
  auto header = header_of(directory, seq);
  const auto at = header.find(from);
  REQUIRE(at != std::string::npos);
  header.replace(at, from.size(), to);
  return "UPDATE record SET header = '" + header + "', leaf = x'" +
         to_hex(leaf_hash(header)) + "' WHERE seq = " + std::to_string(seq);
}

bool names(const verification& v, const std::string& text) {
  for (const auto& f : v.findings) {
    if (f.find(text) != std::string::npos) {
      return true;
    }
  }
  return false;
}

std::string listed(const verification& v) {
  std::string out;
  for (const auto& f : v.findings) {
    out += f + "\n";
  }
  return out;
}

} // namespace

TEST_CASE("an untouched ledger verifies in full", "[ledger]") {
  temporary_directory dir;
  write_history(dir.path());
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  const auto v = verify(dir.path(), {}, [&](std::uint64_t d, std::uint64_t t) {
    done = d;
    total = t;
  });
  REQUIRE(v);
  CHECK(listed(*v) == "");
  CHECK(v->records == 40);
  CHECK(v->checkpoints == 4);
  CHECK(v->covered == 40);
  CHECK(done == 40);
  CHECK(total == 40);
}

TEST_CASE("every change to the file is found and named", "[ledger]") {
  struct attack {
    std::string name;
    std::string sql;
    std::string finding;
  };
  temporary_directory dir;
  write_history(dir.path());
  const auto& d = dir.path();
  const std::vector<attack> attacks = {
      {"header changed",
       "UPDATE record SET header = replace(header, 'e-12', 'e-99') WHERE seq = 13",
       "record 13: the header was changed"},
      {"header changed, leaf recomputed", rewrite(d, 13, "e-12", "e-99"),
       "records 11..20: not what the checkpoint of 20 records signed"},
      {"body changed", "UPDATE body SET bytes = CAST('{\"n\":999}' AS BLOB) WHERE seq = 7",
       "record 7: the body was changed"},
      {"body removed", "DELETE FROM body WHERE seq = 7", "record 7: the body is missing"},
      {"body without a record", "INSERT INTO body VALUES (0, x'00')",
       "record 0: there is a body without a record"},
      {"record deleted",
       "DELETE FROM record WHERE seq = 25; DELETE FROM body WHERE seq = 25",
       "record 25: missing"},
      {"several deleted", "DELETE FROM record WHERE seq BETWEEN 9 AND 12",
       "records 9..12: missing"},
      {"deleted and renumbered",
       "DELETE FROM record WHERE seq = 25; UPDATE record SET seq = seq - 1 WHERE seq > "
       "25",
       "record 25: the header says seq 26"},
      {"two swapped",
       "UPDATE record SET seq = -1 WHERE seq = 5; UPDATE record SET seq = 5 WHERE seq = "
       "6;"
       "UPDATE record SET seq = 6 WHERE seq = -1",
       "record 5: the header says seq 6"},
      {"truncated below a checkpoint", "DELETE FROM record WHERE seq > 33",
       "records 34..40: missing at the end"},
      {"truncated with its checkpoints",
       "DELETE FROM record WHERE seq > 33; DELETE FROM body WHERE seq > 33;"
       "DELETE FROM checkpoint WHERE size > 33",
       "the records end at number"},
      {"channel number changed", rewrite(d, 14, "\"chan_seq\":9", "\"chan_seq\":8"),
       "record 14: channel order to replenishment has number 8 after 8"},
      {"channel table changed", "UPDATE channel SET last = 5 WHERE source = 'order'",
       "channel order to replenishment"},
      {"checkpoint forged",
       "UPDATE checkpoint SET note = replace(note, char(10) || '20' || char(10), "
       "char(10) || '21' || char(10)) WHERE size = 20",
       "checkpoint of 20 records: the signature is not good"},
      {"checkpoint's root changed",
       "UPDATE checkpoint SET root = zeroblob(32) WHERE size = 20",
       "checkpoint of 20 records: the signed text does not say"},
      {"checkpoint's tree changed",
       "UPDATE checkpoint SET frontier = zeroblob(64) WHERE size = 20",
       "checkpoint of 20 records: the tree stored beside it"},
      {"case beside the header changed", "UPDATE record SET case_id = 'x' WHERE seq = 3",
       "record 3: kind or case"},
      {"leaf hash changed", "UPDATE record SET leaf = zeroblob(32) WHERE seq = 3",
       "record 3: the header was changed"},
      {"record appended",
       "INSERT INTO record SELECT 41, kind, case_id, header, leaf FROM record WHERE seq "
       "= 40",
       "record 41: the header says seq 40"},
      {"header no JSON", "UPDATE record SET header = 'x' WHERE seq = 2",
       "record 2: the header is no JSON object"},
      {"header not canonical", rewrite(d, 2, "{\"body\"", "{ \"body\""),
       "record 2: the header is not canonical JSON"},
  };
  for (const auto& a : attacks) {
    temporary_directory copy;
    std::filesystem::copy(d, copy.path(), std::filesystem::copy_options::recursive);
    tamper(copy.path(), a.sql);
    const auto v = verified(copy.path());
    INFO(a.name << ":\n" << listed(v));
    CHECK_FALSE(v.good());
    CHECK(names(v, a.finding));
    CHECK(v.findings.size() < 40); // one change is not reported for every later record
  }
}

TEST_CASE("one change leaves the rest of the history provable", "[ledger]") {
  temporary_directory dir;
  write_history(dir.path());
  tamper(dir.path(), "DELETE FROM record WHERE seq = 15");
  const auto v = verified(dir.path());
  INFO(listed(v));
  CHECK(v.covered == 40);
  CHECK(v.checkpoints == 4);
  CHECK_FALSE(names(v, "checkpoint of"));
}

TEST_CASE("another key's signature proves nothing", "[ledger]") {
  temporary_directory dir;
  temporary_directory other;
  write_history(dir.path());
  auto o = test_options(other.path());
  o.random = std::make_shared<seeded_random>(8);
  const auto vkey = open_store(o)->public_key();
  const auto v = verify(dir.path(), vkey, {});
  REQUIRE(v);
  CHECK(names(*v, "not signed by this key"));
  CHECK(v->covered == 0);
  CHECK(verify(dir.path(), "nonsense", {}).error().code() == errc::malformed);
  CHECK(verify(other.path() / "nowhere", vkey, {}).error().code() == errc::not_found);
}

TEST_CASE("a node does not start on a history that its checkpoint contradicts",
          "[ledger]") {
  const auto sql = GENERATE(
      as<std::string>{}, "DELETE FROM record WHERE seq > 33",
      "UPDATE checkpoint SET frontier = zeroblob(64) WHERE size = 40",
      "UPDATE checkpoint SET root = zeroblob(32) WHERE size = 40",
      "DELETE FROM checkpoint WHERE size = 40; DELETE FROM record WHERE seq = 35",
      "DELETE FROM checkpoint WHERE size = 40;"
      "UPDATE record SET header = replace(header, 'e-34', 'e-99') WHERE seq = 35",
      "UPDATE checkpoint SET note = replace(note, 'A', 'B') WHERE size = 40");
  temporary_directory dir;
  write_history(dir.path());
  tamper(dir.path(), sql);
  const auto s = store::open(test_options(dir.path()));
  INFO(sql);
  REQUIRE_FALSE(s);
  INFO(s.error().describe());
  CHECK(s.error().code() == errc::corrupt);
  CHECK_THAT(s.error().describe(),
             Catch::Contains("backup") && Catch::Contains("ledger.db"));
}

TEST_CASE("honest histories raise no alarm", "[ledger]") {
  const std::uint64_t seed = 20261123;
  INFO("seed " << seed);
  seeded_random random(seed);
  for (int run = 0; run < 25; ++run) {
    temporary_directory dir;
    for (int restart = 0; restart < 3; ++restart) {
      auto s = open_store(test_options(dir.path()));
      const auto units = random.next() % 40;
      for (std::uint64_t i = 0; i < units; ++i) {
        std::vector<record> records;
        for (auto n = random.next() % 4; n > 0; --n) {
          auto r = message("e", std::string(random.next() % 3 * 700, 'x'));
          r.source = "s" + std::to_string(random.next() % 4);
          r.target =
              random.next() % 5 == 0 ? "" : "t" + std::to_string(random.next() % 3);
          r.labels = {"untrusted"};
          r.causes = {1, 2};
          r.detail = {
              {"text", "\u00e4\u4e2d\n\"\\"}, {"n", -3}, {"deep", {{"a", {1, 2}}}}};
          records.push_back(std::move(r));
        }
        auto u = appends(std::move(records),
                         random.next() % 2 == 0 ? record_class::a : record_class::b);
        if (random.next() % 6 == 0) {
          u.apply = [inner = u.apply](transaction& t) -> result<void> {
            if (auto r = inner(t); !r) {
              return r;
            }
            return error(errc::conflict, "undone");
          };
        }
        s->submit(std::move(u));
        if (random.next() % 9 == 0) {
          REQUIRE(s->sign_checkpoint());
        }
      }
    }
    const auto v = verified(dir.path());
    INFO(listed(v));
    CHECK(v.good());
    CHECK(v.covered == v.records);
  }
}

TEST_CASE("a ledger verifies while a node writes to it", "[ledger]") {
  temporary_directory dir;
  auto o = test_options(dir.path());
  o.checkpoint_every = std::chrono::milliseconds(1);
  auto s = open_store(o);
  std::atomic<bool> stop{false};
  std::thread producer([&] {
    for (int i = 0; !stop; ++i) {
      auto r = message(std::to_string(i));
      r.source = "s" + std::to_string(i % 7);
      s->submit(appends({r}, i % 20 == 0 ? record_class::a : record_class::b));
    }
  });
  std::string findings;
  for (int i = 0; i < 12; ++i) {
    findings += listed(verified(dir.path()));
  }
  stop = true;
  producer.join();
  CHECK(findings == "");
}
