#include "unit/ledger_fixture.hpp"

#include <fstream>
#include <future>
#include <thread>

using namespace crossdock;
using namespace crossdock::ledger;
using namespace crossdock::ledger::testing;

TEST_CASE("a committed unit is read back with its header and body", "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  auto receipt = s->commit(appends({message("e-1"), message("e-2", "{\"qty\":\"4\"}")}));
  REQUIRE(receipt);
  CHECK(receipt->first_seq == 1);
  CHECK(receipt->last_seq == 2);
  CHECK(s->durable_seq() == 2);

  auto reader = s->reader();
  REQUIRE(reader);
  auto records = read_records(**reader, 1, 10, 10);
  REQUIRE(records);
  REQUIRE(records->size() == 2);
  const auto header = parse_json((*records)[1].header);
  REQUIRE(header);
  CHECK(*header ==
        json{{"v", 1},
             {"seq", 2},
             {"log", "test.example/ledger"},
             {"time", "2026-11-18T11:06:40Z"},
             {"kind", "envelope"},
             {"class", "B"},
             {"id", "e-2"},
             {"src", "order"},
             {"dst", "replenishment"},
             {"chan_seq", 2},
             {"case", "case-1"},
             {"body", {{"h", to_hex(sha256_of("{\"qty\":\"4\"}"))}, {"n", 11}}}});
  CHECK((*records)[1].body == "{\"qty\":\"4\"}");
  CHECK(canonical_json(*header).value() == (*records)[1].header);
}

TEST_CASE("records of one case are read without the others", "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  auto other = message("e-2");
  other.case_id = "case-2";
  REQUIRE(s->commit(appends({message("e-1"), other, message("e-3")})));
  auto reader = s->reader();
  REQUIRE(reader);
  const auto records = read_records(**reader, 1, UINT64_MAX, 10, "case-1");
  REQUIRE(records);
  REQUIRE(records->size() == 2);
  CHECK((*records)[1].seq == 3);
}

TEST_CASE("a unit that fails leaves neither rows nor records nor numbers", "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  REQUIRE(s->commit(appends({message("e-1")})));
  unit u;
  u.name = "test.fails";
  u.cls = record_class::a;
  bool acted = false;
  u.apply = [&acted](transaction& t) -> result<void> {
    t.on_applied([&acted] { acted = true; });
    t.on_durable([&acted] { acted = true; });
    REQUIRE(t.append(message("lost-1")));
    REQUIRE(t.append(message("lost-2")));
    REQUIRE(t.db().exec("INSERT INTO note VALUES ('a', 'b')"));
    return error(errc::conflict, "the approval was decided already");
  };
  const auto refused = s->commit(std::move(u));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::conflict);
  CHECK_FALSE(acted);
  const auto next = s->commit(appends({message("e-2")}));
  REQUIRE(next);
  CHECK(next->first_seq == 2);
  CHECK(count(*s, "record") == 2);
  CHECK(count(*s, "note") == 0);
  CHECK(count(*s, "body") == 2);
  s->close();
  CHECK(verified(dir.path()).findings == std::vector<std::string>{});
}

TEST_CASE("a record without a canonical form is refused and the unit may go on",
          "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  unit u;
  u.cls = record_class::a;
  u.apply = [](transaction& t) -> result<void> {
    auto bad = message("x");
    bad.detail = {{"price", 1.5}};
    CHECK(t.append(bad).error().code() == errc::invalid);
    bad.detail = {{"text", std::string(70'000, 'x')}};
    CHECK(t.append(bad).error().code() == errc::limit);
    bad.detail = {{"text", "\xff"}};
    CHECK(t.append(bad).error().code() == errc::invalid);
    CHECK(t.append(message("good")).value() == 1);
    return {};
  };
  REQUIRE(s->commit(std::move(u)));
  CHECK(count(*s, "record") == 1);
}

TEST_CASE("units are applied in the order of submission, whoever submits", "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  std::vector<std::uint64_t> order; // the writer's thread alone touches it
  for (int i = 0; i < 500; ++i) {
    auto u = appends({message(std::to_string(i))},
                     i % 7 == 0 ? record_class::a : record_class::b);
    u.applied = [&order](const result<receipt>& r) {
      order.push_back(r.value().first_seq);
    };
    s->submit(std::move(u));
  }
  settle(*s);
  REQUIRE(order.size() == 500);
  for (std::size_t i = 0; i < order.size(); ++i) {
    CHECK(order[i] == i + 1);
  }
}

TEST_CASE("units submitted from the writer's thread work even when the queue is full",
          "[ledger]") {
  temporary_directory dir;
  auto o = test_options(dir.path());
  o.queue_units_max = 2;
  auto s = open_store(std::move(o));
  std::promise<void> all;
  std::atomic<int> left{200};
  std::function<void(int)> spawn = [&](int depth) {
    auto u = appends({message("n")}, record_class::b);
    u.applied = [&, depth](const result<receipt>& r) {
      CHECK(r.ok());
      if (depth > 0) {
        spawn(depth - 1);
      }
      if (--left == 0) {
        all.set_value();
      }
    };
    s->submit(std::move(u));
  };
  for (int i = 0; i < 20; ++i) {
    spawn(9);
  }
  REQUIRE(all.get_future().wait_for(std::chrono::seconds(30)) ==
          std::future_status::ready);
  settle(*s);
  CHECK(count(*s, "record") == 200);
}

TEST_CASE("durable is called only when a reader sees the unit, applied before that",
          "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  std::vector<std::string> calls;
  bool seen = false;
  auto u = appends({message("e-1")}, record_class::b);
  auto inner = u.apply;
  u.apply = [&, inner](transaction& t) -> result<void> {
    t.on_applied([&] { calls.push_back("on_applied"); });
    t.on_durable([&] {
      calls.push_back("on_durable");
      seen = count(*s, "record") == 1;
    });
    return inner(t);
  };
  u.applied = [&](const result<receipt>&) {
    calls.push_back("applied");
    CHECK(count(*s, "record") == 0);
  };
  u.durable = [&](const result<receipt>&) { calls.push_back("durable"); };
  REQUIRE(s->commit(std::move(u)));
  CHECK(calls ==
        std::vector<std::string>{"on_applied", "applied", "on_durable", "durable"});
  CHECK(seen);
}

TEST_CASE("of 64 racing units with one precondition one succeeds and 63 conflict",
          "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  std::atomic<int> won{0};
  std::atomic<int> conflicts{0};
  std::vector<std::thread> people;
  for (int i = 0; i < 64; ++i) {
    people.emplace_back([&, i] {
      unit u;
      u.cls = record_class::a;
      u.apply = [i](transaction& t) -> result<void> {
        auto n =
            t.db().exec("INSERT INTO note VALUES ('decision', ?)", {std::to_string(i)});
        return n ? result<void>() : result<void>(n.error());
      };
      const auto r = s->commit(std::move(u));
      if (r) {
        ++won;
      } else if (r.error().code() == errc::conflict) {
        ++conflicts;
      }
    });
  }
  for (auto& p : people) {
    p.join();
  }
  CHECK(won == 1);
  CHECK(conflicts == 63);
}

TEST_CASE("a unit cannot end the transaction or change what is recorded", "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  REQUIRE(s->commit(appends({message("e-1")})));
  const auto sql =
      GENERATE(as<std::string>{}, "COMMIT", "ROLLBACK", "DELETE FROM record",
               "UPDATE record SET header = '{}'", "DELETE FROM checkpoint",
               "PRAGMA synchronous=OFF", "ATTACH ':memory:' AS x", "DROP TABLE body");
  unit u;
  u.cls = record_class::a;
  u.apply = [sql](transaction& t) -> result<void> {
    auto r = t.db().exec(sql);
    return r ? result<void>() : result<void>(r.error());
  };
  const auto r = s->commit(std::move(u));
  REQUIRE_FALSE(r);
  CHECK(r.error().code() == errc::denied);
  CHECK(count(*s, "record") == 1);
}

TEST_CASE("a reader cannot write", "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  auto reader = s->reader();
  REQUIRE(reader);
  CHECK((*reader)->exec("INSERT INTO note VALUES ('a', 'b')").error().code() ==
        errc::denied);
}

TEST_CASE("numbers, channels and times go on after a restart", "[ledger]") {
  temporary_directory dir;
  auto o = test_options(dir.path());
  auto time =
      std::make_shared<manual_clock>(timestamp(std::chrono::seconds(2'000'000'000)));
  o.time = time;
  {
    auto s = open_store(o);
    REQUIRE(s->commit(appends({message("e-1"), message("e-2")})));
    s->close();
    s->close();
    CHECK(s->commit(appends({message("late")})).error().code() == errc::unavailable);
    CHECK(s->reader().error().code() == errc::unavailable);
  }
  time->advance(-std::chrono::hours(24)); // a clock that was set back
  auto s = open_store(o);
  CHECK(s->durable_seq() == 2);
  CHECK(s->commit(appends({message("e-3")}))->first_seq == 3);
  auto reader = s->reader();
  REQUIRE(reader);
  const auto records = read_records(**reader, 2, 3, 9);
  const auto before = parse_json((*records)[0].header).value();
  const auto after = parse_json((*records)[1].header).value();
  CHECK(after["chan_seq"] == 3);
  CHECK(after["time"] == before["time"]);
  CHECK(verified(dir.path()).findings == std::vector<std::string>{});
}

TEST_CASE("a second node on the same directory is told who has it", "[ledger]") {
  temporary_directory dir;
  auto first = open_store(test_options(dir.path()));
  const auto second = store::open(test_options(dir.path()));
  REQUIRE_FALSE(second);
  CHECK(second.error().code() == errc::busy);
  CHECK_THAT(second.error().message(),
             Catch::Contains("process " + std::to_string(getpid())) &&
                 Catch::Contains("stop it"));
  first.reset();
  CHECK(store::open(test_options(dir.path())));
}

TEST_CASE("migrations run once and in order; a newer database is left alone",
          "[ledger]") {
  temporary_directory dir;
  auto o = test_options(dir.path());
  { open_store(o); }
  auto newer = o;
  newer.migrations.push_back({"notes", 2, "ALTER TABLE note ADD COLUMN tag TEXT;"});
  {
    auto s = open_store(newer);
    CHECK(count(*s, "schema_version") == 3);
  }
  { open_store(newer); }
  const auto old = store::open(o);
  REQUIRE_FALSE(old);
  CHECK(old.error().code() == errc::version);
  CHECK_THAT(old.error().describe(), Catch::Contains("\"notes\"") &&
                                         Catch::Contains("2") &&
                                         Catch::Contains("ledger.db"));
  auto broken = newer;
  broken.migrations.push_back({"more", 1, "CREATE TABLE more(x); CREATE TABEL y;"});
  const auto failed = store::open(broken);
  REQUIRE_FALSE(failed);
  CHECK_THAT(failed.error().describe(), Catch::Contains("room: more"));
  auto s = open_store(newer);
  CHECK(s->reader().value()->query("SELECT 1 FROM more").error().code() ==
        errc::internal);
}

TEST_CASE("what is no ledger is refused with a remedy and never overwritten",
          "[ledger]") {
  temporary_directory dir;
  const auto kind = GENERATE(as<std::string>{}, "garbage", "torn", "empty", "missing");
  std::string before;
  if (kind == "garbage") {
    before = std::string(9000, 'g');
    std::ofstream(dir.database()) << before;
  } else {
    {
      auto s = open_store(test_options(dir.path()));
      for (int i = 0; i < 50; ++i) {
        s->submit(appends({message("e", std::string(2000, 'b'))}, record_class::b));
      }
    }
    const auto size = std::filesystem::file_size(dir.database());
    if (kind == "missing") {
      std::filesystem::remove(dir.database());
    } else {
      std::filesystem::resize_file(dir.database(), kind == "torn" ? size / 2 : 0);
    }
    std::ifstream in(dir.database(), std::ios::binary);
    before.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto opened = store::open(test_options(dir.path()));
  INFO(kind);
  REQUIRE_FALSE(opened);
  INFO(opened.error().describe());
  CHECK(opened.error().code() == errc::corrupt);
  CHECK_THAT(opened.error().describe(), Catch::Contains("ledger.db") &&
                                            Catch::Contains("backup") &&
                                            Catch::Contains("Nothing was changed"));
  std::ifstream in(dir.database(), std::ios::binary);
  CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == before);
}

TEST_CASE("the counters are recorded before a checkpoint if something else is new",
          "[ledger]") {
  temporary_directory dir;
  auto o = test_options(dir.path());
  int asked = 0;
  o.counters = [&asked] {
    ++asked;
    return json{{"timers", 12}};
  };
  auto s = open_store(o);
  REQUIRE(s->commit(appends({message("e-1")})));
  const auto c = s->sign_checkpoint();
  REQUIRE(c);
  CHECK(c->size == 2);
  CHECK(s->sign_checkpoint()->size == 2);
  CHECK(asked == 1);
  const auto records = read_records(**s->reader(), 2, 2, 1).value();
  const auto header = parse_json(records.at(0).header).value();
  CHECK(header["kind"] == "counts");
  CHECK(header["class"] == "C");
  CHECK(header["detail"] == json{{"timers", 12}});
}

TEST_CASE("a checkpoint is signed by itself when its time has come", "[ledger]") {
  temporary_directory dir;
  auto o = test_options(dir.path());
  o.checkpoint_every = std::chrono::milliseconds(5);
  auto s = open_store(o);
  REQUIRE(s->commit(appends({message("e-1")}, record_class::b)));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::int64_t n = 0;
  while (n == 0 && std::chrono::steady_clock::now() < deadline) {
    n = count(*s, "checkpoint");
  }
  CHECK(n == 1);
}

TEST_CASE("the key is private and stays the same", "[ledger]") {
  temporary_directory dir;
  std::string key;
  {
    auto s = open_store(test_options(dir.path()));
    key = s->public_key();
  }
  const auto mode = std::filesystem::status(dir.path() / "ledger.key").permissions();
  CHECK(mode ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  auto s = open_store(test_options(dir.path()));
  CHECK(s->public_key() == key);
  s.reset();
  auto o = test_options(dir.path());
  o.origin = "another.example/ledger";
  CHECK(store::open(o).error().code() == errc::invalid);
}

namespace {

std::function<result<void>(connection&)> writes_note(std::string name, std::string text) {
  return [name = std::move(name), text = std::move(text)](connection& db) -> result<void> {
    auto r = db.exec("INSERT INTO note(name, text) VALUES(?, ?) "
                     "ON CONFLICT(name) DO UPDATE SET text = excluded.text",
                     {name, text});
    return r ? result<void>() : result<void>(r.error());
  };
}

std::string note(connection& db, const std::string& name) {
  auto rows = db.query("SELECT text FROM note WHERE name = ?", {name});
  REQUIRE(rows);
  return rows->empty() ? "" : rows->front().text(0);
}

unit work(std::function<result<void>(transaction&)> apply) {
  return {"test.work", record_class::a, std::move(apply), {}, {}};
}

} // namespace

TEST_CASE("a deferred row is written with the commit, and only as it is then", "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  int written = 0;
  REQUIRE(s->commit(work([&](transaction& t) -> result<void> {
    t.defer("note/a", [&](connection& db) {
      ++written;
      return writes_note("a", "first")(db);
    });
    t.defer("note/a", writes_note("a", "second"));
    t.defer("note/b", writes_note("b", "gone"));
    CHECK(note(t.db(), "a").empty()); // not yet
    CHECK(t.drop("note/b"));
    CHECK_FALSE(t.drop("note/b"));
    return {};
  })));
  auto reader = s->reader();
  REQUIRE(reader);
  CHECK(written == 0);
  CHECK(note(**reader, "a") == "second");
  CHECK(note(**reader, "b").empty());
}

TEST_CASE("what a failed unit deferred, dropped or wrote is as before it", "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  std::vector<std::string> undone;
  std::promise<void> both_in;
  // One group: the first unit waits in it while the second fails.
  s->submit(work([&](transaction& t) -> result<void> {
    t.defer("note/a", writes_note("a", "kept"));
    t.defer("note/b", writes_note("b", "kept"));
    t.on_undone([&] { undone.emplace_back("first"); });
    both_in.get_future().wait();
    return {};
  }));
  auto failed = std::make_shared<std::promise<bool>>();
  s->submit(unit{"test.fails", record_class::a,
                 [&](transaction& t) -> result<void> {
                   t.defer("note/a", writes_note("a", "wrong"));
                   t.drop("note/b");
                   t.defer("note/c", writes_note("c", "wrong"));
                   REQUIRE(t.settle());
                   CHECK(note(t.db(), "c") == "wrong"); // statements see it after settle
                   t.on_undone([&] { undone.emplace_back("second, begun"); });
                   t.on_undone([&] { undone.emplace_back("second, ended"); });
                   return error(errc::conflict, "no");
                 },
                 {},
                 [failed](const result<receipt>& r) { failed->set_value(!r); }});
  both_in.set_value();
  REQUIRE(failed->get_future().get());
  REQUIRE(s->commit(work([](transaction&) -> result<void> { return {}; })));
  auto reader = s->reader();
  REQUIRE(reader);
  CHECK(note(**reader, "a") == "kept");
  CHECK(note(**reader, "b") == "kept");
  CHECK(note(**reader, "c").empty());
  CHECK(undone == std::vector<std::string>{"second, ended", "second, begun"});
}
