#include "ledger/live.hpp"

#include "unit/ledger_fixture.hpp"
#include "unit/ledger_vfs.hpp"

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

using namespace crossdock;
using namespace crossdock::ledger;
using namespace crossdock::ledger::testing;

namespace {

/// Everything a subscription was told.
class listener {
public:
  subscription wants(record_filter f) {
    subscription s;
    s.wanted = std::move(f);
    s.durable = [this](const live_batch& b) {
      const std::lock_guard lock(mutex_);
      batches_.push_back(b);
    };
    s.ended = [this](const error& e) {
      const std::lock_guard lock(mutex_);
      ends_.push_back(e.describe());
    };
    return s;
  }
  std::vector<live_batch> batches() const {
    const std::lock_guard lock(mutex_);
    return batches_;
  }
  std::vector<std::uint64_t> seqs() const {
    std::vector<std::uint64_t> out;
    for (const auto& b : batches()) {
      for (const auto& r : b.records) {
        out.push_back(r->seq);
      }
    }
    return out;
  }
  std::vector<std::string> ends() const {
    const std::lock_guard lock(mutex_);
    return ends_;
  }

private:
  mutable std::mutex mutex_;
  std::vector<live_batch> batches_;
  std::vector<std::string> ends_;
};

record of_kind(std::string kind, std::string case_id = "case-1") {
  auto r = message("m");
  r.kind = std::move(kind);
  r.case_id = std::move(case_id);
  return r;
}

} // namespace

TEST_CASE("a subscription hears every matching record once, in order, without a gap",
          "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  REQUIRE(s->commit(appends({message("before")})));
  listener all;
  listener verdicts;
  const auto a = s->subscribe(all.wants({}));
  const auto v = s->subscribe(verdicts.wants({{"verdict"}, "", ""}));
  settle(*s);
  std::vector<std::thread> writers;
  for (int w = 0; w < 3; ++w) {
    writers.emplace_back([&s, w] {
      for (int i = 0; i < 300; ++i) {
        s->submit(appends({of_kind(i % 10 == 0 ? "verdict" : "event")},
                          (i + w) % 7 == 0 ? record_class::a : record_class::b));
      }
    });
  }
  for (auto& w : writers) {
    w.join();
  }
  settle(*s);
  const auto heard = all.seqs();
  REQUIRE(heard.size() == 900);
  for (std::size_t i = 0; i < heard.size(); ++i) {
    REQUIRE(heard[i] == i + 2);
  }
  CHECK(verdicts.seqs().size() == 90);
  for (const auto* l : {&all, &verdicts}) {
    const auto batches = l->batches();
    REQUIRE_FALSE(batches.empty());
    CHECK(batches.front().after == 1);
    for (std::size_t i = 1; i < batches.size(); ++i) {
      CHECK(batches[i].after == batches[i - 1].through);
      CHECK_FALSE(batches[i].records.empty());
    }
  }
}

TEST_CASE("a subscription hears nothing of a unit that failed", "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  listener all;
  const auto handle = s->subscribe(all.wants({}));
  settle(*s);
  unit u;
  u.cls = record_class::a;
  u.apply = [](transaction& t) -> result<void> {
    REQUIRE(t.append(message("lost")));
    REQUIRE(t.append(message("lost")));
    return error(errc::conflict, "somebody was first");
  };
  // In one group: a good unit, the failing one, a good one.
  s->submit(appends({message("first")}, record_class::b));
  s->submit(std::move(u));
  s->submit(appends({message("second")}, record_class::b));
  settle(*s);
  CHECK(all.seqs() == std::vector<std::uint64_t>{1, 2});
  for (const auto& b : all.batches()) {
    for (const auto& r : b.records) {
      CHECK(text_or(*parse_json(r->header), "id") != "lost");
    }
  }
}

TEST_CASE("a dropped subscription hears no more, and the end is told once", "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  listener kept;
  listener dropped;
  const auto k = s->subscribe(kept.wants({}));
  auto d = s->subscribe(dropped.wants({}));
  settle(*s);
  d.reset();
  REQUIRE(s->commit(appends({message("e")})));
  s->close();
  CHECK(kept.seqs().size() == 1);
  CHECK(dropped.seqs().empty());
  CHECK(dropped.ends().empty());
  CHECK(kept.ends() == std::vector<std::string>{"the ledger is closed"});
  listener late;
  const auto l = s->subscribe(late.wants({}));
  CHECK(late.ends().size() == 1);
}

TEST_CASE("a subscription that throws ends alone", "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  listener good;
  int ended = 0;
  subscription bad;
  bad.durable = [](const live_batch& b) {
    if (!b.records.empty()) {
      throw std::bad_alloc();
    }
  };
  bad.ended = [&](const error&) { ++ended; };
  const auto b = s->subscribe(std::move(bad));
  const auto g = s->subscribe(good.wants({}));
  REQUIRE(s->commit(appends({message("1")})));
  REQUIRE(s->commit(appends({message("2")})));
  settle(*s);
  CHECK(ended == 1);
  CHECK(good.seqs() == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("a record that a failed commit took along is never told", "[ledger]") {
  std::size_t failed_runs = 0;
  for (std::size_t n = 1; n < 40; ++n) {
    INFO("call " << n << " fails");
    temporary_directory dir;
    listener all;
    int failures = 0;
    {
      recording_vfs vfs;
      auto o = test_options(dir.path());
      o.failed = [&](const error&) { ++failures; };
      auto s = open_store(o);
      const auto handle = s->subscribe(all.wants({}));
      settle(*s);
      vfs.fail_at(n, SQLITE_IOERR);
      for (int i = 0; i < 6; ++i) {
        static_cast<void>(s->commit(appends({message("e", std::string(6000, 'x'))})));
      }
      s->close();
      vfs.fail_at(0, 0);
    }
    failed_runs += failures > 0 ? 1 : 0;
    auto s = open_store(test_options(dir.path()));
    const auto heard = all.seqs();
    CHECK(s->durable_seq() >= (heard.empty() ? 0 : heard.back()));
    CHECK(all.ends().size() == 1);
  }
  CHECK(failed_runs > 8);
}

TEST_CASE("what a subscription heard survives a power loss at any point", "[ledger]") {
  const char* given = std::getenv("CROSSDOCK_SEED");
  const auto seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : system_random().next();
  INFO("repeat with CROSSDOCK_SEED=" << seed);
  seeded_random random(seed);
  temporary_directory dir;
  std::vector<disk_call> calls;
  {
    recording_vfs vfs;
    auto s = open_store(test_options(dir.path()));
    subscription told;
    told.durable = [&vfs](const live_batch& b) {
      if (!b.records.empty()) {
        vfs.remark(static_cast<std::int64_t>(b.records.back()->seq));
      }
    };
    told.ended = [](const error&) {};
    const auto handle = s->subscribe(std::move(told));
    for (int i = 0; i < 150; ++i) {
      s->submit(appends({message("e", std::string(2000, 'x')), message("second")},
                        i % 3 == 0 ? record_class::a : record_class::b));
    }
    settle(*s);
    calls = vfs.calls();
  }
  std::size_t begin = 0;
  while (calls[begin].kind != disk_call::remark) {
    ++begin;
  }
  const auto lost_on = [&](disk_kind kind, int states) {
    std::vector<std::size_t> points;
    for (int i = 0; i < states; ++i) {
      points.push_back(begin + random.next() % (calls.size() - begin));
    }
    std::sort(points.begin(), points.end());
    power_loss disk(calls, kind);
    int lost = 0;
    for (const auto point : points) {
      const auto heard = static_cast<std::uint64_t>(disk.advance(point));
      temporary_directory state;
      disk.materialise(state.path(), random);
      for (const auto* name : {"ledger.key", "ledger.pub"}) {
        std::filesystem::copy(dir.path() / name, state.path() / name);
      }
      const auto s = store::open(test_options(state.path()));
      lost += !s || (*s)->durable_seq() < heard ? 1 : 0;
    }
    return lost;
  };
  CHECK(lost_on(disk_kind::full, 80) == 0);
  // The control: on a disk that lies about syncs the same must be lost.
  CHECK(lost_on(disk_kind::lying, 30) > 0);
}

TEST_CASE("history gives what the filter lets through, page by page", "[ledger]") {
  temporary_directory dir;
  auto s = open_store(test_options(dir.path()));
  std::vector<record> many;
  for (int i = 0; i < 9000; ++i) {
    auto r = of_kind(i % 3 == 0 ? "verdict" : "event", i % 2 == 0 ? "even" : "odd");
    r.target = i % 5 == 0 ? "flow,order" : "warehouse";
    many.push_back(std::move(r));
  }
  REQUIRE(s->commit(appends(std::move(many))));
  auto reader = s->reader();
  REQUIRE(reader);
  const auto all_of = [&](const record_filter& f, std::uint64_t after) {
    std::vector<std::uint64_t> out;
    while (after < s->durable_seq()) {
      const auto page = read_history(**reader, f, after, s->durable_seq());
      REQUIRE(page);
      REQUIRE(page->through > after);
      for (const auto& r : page->records) {
        out.push_back(r.seq);
      }
      after = page->through;
    }
    return out;
  };
  CHECK(all_of({}, 0).size() == 9000);
  CHECK(all_of({}, 8990) == std::vector<std::uint64_t>{8991, 8992, 8993, 8994, 8995, 8996,
                                                       8997, 8998, 8999, 9000});
  CHECK(all_of({{"verdict"}, "", ""}, 0).size() == 3000);
  CHECK(all_of({{"verdict", "event"}, "", ""}, 0).size() == 9000);
  CHECK(all_of({{"verdict"}, "even", ""}, 0).size() == 1500);
  CHECK(all_of({{}, "", "order"}, 0).size() == 9000); // the source of every one
  CHECK(all_of({{}, "", "flow"}, 0).size() == 1800);
  CHECK(all_of({{}, "", "flo"}, 0).empty());
}

TEST_CASE("the first record since a moment is found by time", "[ledger]") {
  temporary_directory dir;
  auto o = test_options(dir.path());
  auto time = std::make_shared<manual_clock>(timestamp(std::chrono::seconds(1000)));
  o.time = time;
  auto s = open_store(std::move(o));
  auto reader = s->reader();
  REQUIRE(reader);
  const auto at = [](int second) { return timestamp(std::chrono::seconds(second)); };
  CHECK(first_record_since(**reader, at(1), 0).value() == 1);
  for (int i = 0; i < 50; ++i) { // seq 1 and 2 at 1000, 3 and 4 at 1010, ...
    REQUIRE(s->commit(appends({message("a"), message("b")})));
    time->advance(std::chrono::seconds(10));
  }
  CHECK(first_record_since(**reader, at(1), 100).value() == 1);
  CHECK(first_record_since(**reader, at(1000), 100).value() == 1);
  CHECK(first_record_since(**reader, at(1001), 100).value() == 3);
  CHECK(first_record_since(**reader, at(1490), 100).value() == 99);
  CHECK(first_record_since(**reader, at(1491), 100).value() == 101);
}
