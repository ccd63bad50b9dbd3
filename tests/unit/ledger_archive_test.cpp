// Archives for an outsider: written, continued, and every change to them found, by the
// verifier here and by the one of tools/verify, which shares no code with it.
#include "ledger/archive.hpp"
#include "ledger/merkle.hpp"
#include "ledger/proof.hpp"
#include "ledger/tiles.hpp"
#include "support/skip.hpp"
#include "unit/ledger_fixture.hpp"

#include <array>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <random>

using namespace crossdock;
using namespace crossdock::ledger;
using namespace crossdock::ledger::testing;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

// -- a ledger worth archiving
// -------------------------------------------------------------
record about(const std::string& kind, const std::string& id, json detail,
             const std::string& principal = "") {
  record r;
  r.kind = kind;
  r.id = id;
  r.source = kind;
  r.target = kind == "effect" ? "erp.transfer.create" : "flow";
  r.principal = principal;
  r.detail = std::move(detail);
  r.cls = record_class::a;
  return r;
}

record approval(const std::string& id, const std::string& from, const std::string& to,
                const std::string& who, const std::string& digest = "d1") {
  return about("approval", id,
               {{"event", to}, {"from", from}, {"to", to}, {"digest", digest}}, who);
}

record effect(const std::string& id, const std::string& state) {
  return about("effect", id, {{"state", state}, {"digest", "d1"}});
}

/// One done by itself, one approved, and messages between: 17 records.
std::vector<record> a_day(int n) {
  const auto name = [n](const char* what) { return what + std::to_string(n); };
  std::vector<record> day{
      message(name("m1-")),
      about("verdict", name("a"), {{"effect", "allow"}}),
      approval(name("a"), "proposed", "allowed", "escalate"),
      approval(name("a"), "allowed", "consumed", "effect"),
      effect(name("a"), "intent"),
      effect(name("a"), "executed"),
      approval(name("a"), "consumed", "executed", "effect"),
      about("verdict", name("b"), {{"effect", "ask"}}),
      approval(name("b"), "proposed", "pending", "escalate"),
      about("approval", name("b"), {{"event", "refused"}, {"code", "denied"}},
            "person:eve"),
      approval(name("b"), "pending", "approved", "person:maria"),
      approval(name("b"), "approved", "consumed", "effect"),
      effect(name("b"), "intent"),
      effect(name("b"), "executed"),
      approval(name("b"), "consumed", "executed", "effect"),
      message(name("m2-"), "{\"text\":\"Gr\xc3\xbc\xc3\x9f"
                           "e, 5 \xe2\x82\xac\"}"),
  };
  record counts = about(
      "counts", "",
      {{"accepted", 5}, {"delivered", 3}, {"denied", 1}, {"dead", 0}, {"in_flight", 1}});
  counts.target.clear();
  day.push_back(counts);
  return day;
}

struct world {
  temporary_directory ledger;
  temporary_directory around; // of archives
  std::string key;

  /// A ledger of these records with a checkpoint after each `every`, and at the end.
  void write(const std::vector<record>& records, std::size_t every) {
    auto s = open_store(test_options(ledger.path()));
    key = s->public_key();
    for (std::size_t i = 0; i < records.size(); ++i) {
      REQUIRE(s->commit(appends({records[i]})));
      if ((i + 1) % every == 0) {
        REQUIRE(s->sign_checkpoint());
      }
    }
    s->close();
  }

  fs::path place(const std::string& name) const { return around.path() / name; }

  fs::path archive(const std::string& name) {
    const auto done = ledger::archive(ledger.path(), place(name), {});
    INFO((done ? std::string() : done.error().describe()));
    REQUIRE(done);
    return place(name);
  }

  verification judged(const fs::path& archive,
                      const std::vector<std::string>& known = {}) {
    const auto v = verify_archive(archive, key, known, {});
    REQUIRE(v);
    return *v;
  }
};

std::vector<record> fifty_records() {
  std::vector<record> all;
  for (int day = 0; all.size() < 50; ++day) {
    for (auto& r : a_day(day)) {
      all.push_back(std::move(r));
    }
  }
  all.resize(50);
  return all;
}

// -- an attacker without the key
// ----------------------------------------------------------
struct contents {
  std::vector<std::string> entries;
  std::vector<std::optional<std::string>> bodies;
};

contents read_contents(const fs::path& archive, std::uint64_t size) {
  contents all;
  for (const auto& tile : tiles_of("tile/entries", size)) {
    const auto entry_bytes = *read_whole(archive / tile.path());
    const auto entries = *read_entries(entry_bytes, tile.width);
    const auto body_bytes =
        *read_whole(archive / tile_name{"bodies", tile.number, tile.width}.path());
    const auto bodies = *read_bodies(body_bytes, tile.width);
    all.entries.insert(all.entries.end(), entries.begin(), entries.end());
    all.bodies.insert(all.bodies.end(), bodies.begin(), bodies.end());
  }
  return all;
}

/// Tiles that fit these entries, under the checkpoints of another archive.
void rebuild(const fs::path& to, const contents& all, const fs::path& signed_one) {
  fs::create_directories(to);
  for (const auto* name : {"checkpoint", "checkpoints.jsonl"}) {
    fs::copy_file(signed_one / name, to / name);
  }
  std::vector<sha256> hashes;
  for (const auto& e : all.entries) {
    hashes.push_back(leaf_hash(e));
  }
  for (const auto& tile : tiles_of("tile/entries", all.entries.size())) {
    std::string entries;
    std::string bodies;
    for (std::uint64_t i = 0; i < tile.width; ++i) {
      REQUIRE(append_entry(entries, all.entries[tile.number * tile_width + i]));
      append_body(bodies, all.bodies[tile.number * tile_width + i]);
    }
    REQUIRE(write_whole(to / tile.path(), entries));
    REQUIRE(
        write_whole(to / tile_name{"bodies", tile.number, tile.width}.path(), bodies));
  }
  for (std::size_t level = 0; !hashes.empty(); ++level) {
    std::vector<sha256> above;
    for (const auto& tile : tiles_of("tile/" + std::to_string(level), hashes.size())) {
      const auto from =
          hashes.begin() + static_cast<std::ptrdiff_t>(tile.number * tile_width);
      const std::vector<sha256> own(from, from + static_cast<std::ptrdiff_t>(tile.width));
      std::string bytes;
      for (const auto& hash : own) {
        bytes += as_view(hash);
      }
      REQUIRE(write_whole(to / tile.path(), bytes));
      if (tile.width == tile_width) {
        above.push_back(subtree_root(own));
      }
    }
    hashes = above;
  }
}

// -- the second verifier
// ------------------------------------------------------------------
bool node_is_here() {
  static const bool here = std::system("node --version >/dev/null 2>&1") == 0;
  if (!here) {
    crossdock::testing::skip("node is not installed");
  }
  return here;
}

json node(const std::string& arguments) {
  const auto command = "node " TAMPER_SCRIPT " " + arguments;
  FILE* out = ::popen(command.c_str(), "r");
  REQUIRE(out != nullptr);
  std::string text;
  std::array<char, 4096> piece{};
  while (const auto n = std::fread(piece.data(), 1, piece.size(), out)) {
    text.append(piece.data(), n);
  }
  INFO(text);
  REQUIRE(::pclose(out) == 0);
  return json::parse(text);
}

std::uint64_t seed() {
  const char* given = std::getenv("CROSSDOCK_SEED");
  static const auto value =
      given != nullptr ? std::stoull(given) : std::random_device{}();
  std::cout << "repeat with CROSSDOCK_SEED=" << value << std::endl;
  return value;
}

/// All of them when asked (CROSSDOCK_EXHAUSTIVE=1), else a sample.
std::size_t stride(std::size_t sample) {
  return std::getenv("CROSSDOCK_EXHAUSTIVE") != nullptr ? 1 : sample;
}

#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t judged_sizes = 7;
#else
constexpr std::uint64_t judged_sizes = 1;
#endif

bool names(const verification& v, const std::string& what) {
  return std::any_of(v.findings.begin(), v.findings.end(),
                     [&](const std::string& finding) {
                       return finding.find(what) != std::string::npos;
                     });
}

} // namespace

TEST_CASE("an archive is what tlog-tiles says, and both verifiers accept it",
          "[ledger][archive]") {
  world w;
  w.write(fifty_records(), 10);
  const auto archive = w.archive("good");
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(archive)) {
    if (entry.is_regular_file()) {
      files.push_back(entry.path().lexically_relative(archive).generic_string());
    }
  }
  std::sort(files.begin(), files.end());
  CHECK(files == std::vector<std::string>{"bodies/000.p/50", "checkpoint",
                                          "checkpoints.jsonl", "tile/0/000.p/50",
                                          "tile/entries/000.p/50"});
  const auto v = w.judged(archive);
  CHECK(v.findings == std::vector<std::string>{});
  CHECK(v.records == 50);
  CHECK(v.covered == 50);
  CHECK(v.checkpoints == 5);
  if (node_is_here()) {
    CHECK(
        node("each " + w.around.path().string() + " '" + w.key + "'")["missed"].empty());
  }
  // Archived again without anything new, it stays byte for byte.
  const auto before = *read_whole(archive / "checkpoints.jsonl");
  const auto again = ledger::archive(w.ledger.path(), archive, {});
  REQUIRE(again);
  CHECK(again->added == 0);
  CHECK(*read_whole(archive / "checkpoints.jsonl") == before);
  CHECK(w.judged(archive).good());
}

TEST_CASE("continued record by record, an archive verifies at every size",
          "[ledger][archive]") {
  world w;
  auto s = open_store(test_options(w.ledger.path()));
  w.key = s->public_key();
  const auto archive = w.place("growing");
  for (std::uint64_t size = 1; size <= 600; ++size) {
    REQUIRE(s->commit(appends({message("e-" + std::to_string(size))})));
    REQUIRE(s->sign_checkpoint());
    const auto done = ledger::archive(w.ledger.path(), archive, {});
    INFO("size " << size << (done ? "" : done.error().describe()));
    REQUIRE(done);
    CHECK(done->records == size);
    CHECK(done->added == 1);
    if (size % judged_sizes == 0 || (size > 250 && size < 260)) {
      const auto v = w.judged(archive);
      CHECK(v.findings == std::vector<std::string>{});
      CHECK(v.covered == size);
    }
    if (size == 255 || size == 256 || size == 257 || size == 512 || size == 600) {
      fs::copy(archive, w.place("good-" + std::to_string(size)),
               fs::copy_options::recursive);
    }
  }
  s->close();
  if (node_is_here()) {
    fs::rename(archive, w.place("good-growing"));
    const auto seen = node("each " + w.around.path().string() + " '" + w.key + "'");
    CHECK(seen["missed"] == json::array());
    CHECK(seen["checked"] == 6);
  }
}

TEST_CASE("a flipped bit in any file is found and located", "[ledger][archive]") {
  world w;
  w.write(fifty_records(), 10);
  const auto archive = w.archive("flipped");
  const auto entries = *read_entries(*read_whole(archive / "tile/entries/000.p/50"), 50);
  std::vector<std::size_t> record_at; // of each byte of the bundle
  for (std::size_t i = 0; i < entries.size(); ++i) {
    record_at.insert(record_at.end(), entries[i].size() + 2, i + 1);
  }
  const auto step = stride(7);
  std::size_t at = seed() % step;
  std::size_t flips = 0;
  for (const auto* name : {"bodies/000.p/50", "checkpoint", "checkpoints.jsonl",
                           "tile/0/000.p/50", "tile/entries/000.p/50"}) {
    const auto bytes = *read_whole(archive / name);
    for (; at < bytes.size(); at += step) {
      auto changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
      REQUIRE(write_whole(archive / name, changed));
      INFO(name << " byte " << at);
      const auto v = w.judged(archive);
      ++flips;
      CHECK_FALSE(v.good());
      if (std::string(name) == "tile/0/000.p/50") {
        CHECK(names(v, "record " + std::to_string(at / 32 + 1) + ":"));
      } else if (std::string(name) == "tile/entries/000.p/50") {
        CHECK((names(v, "record " + std::to_string(record_at[at]) + ":") ||
               names(v, "tile/entries/000.p/50: "))); // a length that no longer fits
      }
    }
    at -= bytes.size();
    REQUIRE(write_whole(archive / name, bytes));
  }
  CHECK(flips > 10'000 / step);
  CHECK(w.judged(archive).good()); // as it was before
}

TEST_CASE("the second verifier finds a flipped bit in any file", "[ledger][archive]") {
  if (!node_is_here()) {
    return;
  }
  world w;
  w.write(fifty_records(), 10);
  const auto archive = w.archive("flipped");
  const auto step = stride(29);
  const auto seen = node("flips " + archive.string() + " '" + w.key + "' " +
                         std::to_string(step) + " " + std::to_string(seed() % step));
  CHECK(seen["missed"] == json::array());
  CHECK(seen["checked"] > 10'000 / step);
}

TEST_CASE("records that were deleted, swapped, cut off or appended are found by both",
          "[ledger][archive]") {
  world w;
  w.write(fifty_records(), 10);
  const auto archive = w.archive("good");
  const auto all = read_contents(archive, 50);
  int n = 0;
  const auto expect_bad = [&](const contents& changed, std::size_t first_wrong) {
    const auto to = w.place("bad-" + std::to_string(++n));
    rebuild(to, changed, archive);
    const auto v = w.judged(to);
    INFO(to << ", first wrong record " << first_wrong);
    REQUIRE_FALSE(v.good());
    // The stretch up to the next checkpoint after the change is named, none before it.
    const auto end = (first_wrong + 9) / 10 * 10;
    CHECK(
        (names(v, "record " + std::to_string(first_wrong) + ":") ||
         names(v, std::to_string(end - 9) + ".." + std::to_string(end) + ": not what")));
    for (std::size_t before = 10; before < first_wrong; before += 10) {
      CHECK_FALSE(names(v, ".." + std::to_string(before) + ": not what"));
    }
  };
  for (std::size_t i = 0; i < 50; ++i) {
    auto deleted = all;
    deleted.entries.erase(deleted.entries.begin() + static_cast<std::ptrdiff_t>(i));
    deleted.bodies.erase(deleted.bodies.begin() + static_cast<std::ptrdiff_t>(i));
    if (i + 1 < 50) {
      expect_bad(deleted, i + 1);
      auto swapped = all;
      std::swap(swapped.entries[i], swapped.entries[i + 1]);
      std::swap(swapped.bodies[i], swapped.bodies[i + 1]);
      expect_bad(swapped, i + 1);
    }
    auto cut = all;
    cut.entries.resize(i + 1);
    cut.bodies.resize(i + 1);
    if (i + 1 < 50) {
      const auto to = w.place("bad-" + std::to_string(++n));
      rebuild(to, cut, archive);
      CHECK_FALSE(w.judged(to).good());
    }
    auto doubled = all;
    doubled.entries.insert(doubled.entries.begin() + static_cast<std::ptrdiff_t>(i),
                           all.entries[i]);
    doubled.bodies.insert(doubled.bodies.begin() + static_cast<std::ptrdiff_t>(i),
                          all.bodies[i]);
    const auto to = w.place("bad-" + std::to_string(++n));
    rebuild(to, doubled, archive);
    CHECK_FALSE(w.judged(to).good());
    auto erased = all;
    erased.bodies[i].reset();
    if (all.bodies[i]) {
      const auto without = w.place("bad-" + std::to_string(++n));
      rebuild(without, erased, archive);
      CHECK(names(w.judged(without),
                  "record " + std::to_string(i + 1) + ": the body is missing"));
    }
  }
  if (node_is_here()) {
    const auto seen = node("each " + w.around.path().string() + " '" + w.key + "'");
    CHECK(seen["missed"] == json::array());
    CHECK(seen["checked"] == n + 1);
  }
}

TEST_CASE("files that are missing, too many or too long are named", "[ledger][archive]") {
  world w;
  w.write(fifty_records(), 50);
  const auto archive = w.archive("a");
  for (const auto* name : {"bodies/000.p/50", "checkpoints.jsonl", "tile/0/000.p/50",
                           "tile/entries/000.p/50"}) {
    const auto bytes = *read_whole(archive / name);
    fs::remove(archive / name);
    CHECK(names(w.judged(archive), std::string(name) + ": there is no such file"));
    REQUIRE(write_whole(archive / name, bytes + "x"));
    CHECK_FALSE(w.judged(archive).good());
    REQUIRE(write_whole(archive / name, bytes.substr(0, bytes.size() - 1)));
    CHECK_FALSE(w.judged(archive).good());
    REQUIRE(write_whole(archive / name, bytes));
  }
  REQUIRE(write_whole(archive / "tile/0/000.p/49", "old"));
  CHECK(names(w.judged(archive), "tile/0/000.p/49: does not belong"));
  const auto nothing = verify_archive(w.place("nowhere"), w.key, {}, {});
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().code() == errc::not_found);
}

TEST_CASE("a checkpoint that claims more records than there can be costs nothing",
          "[ledger][archive]") {
  world w;
  w.write(fifty_records(), 50);
  const auto archive = w.archive("bad");
  auto note = *read_whole(archive / "checkpoint");
  note.replace(note.find("\n50\n"), 4, "\n8000000000000000\n");
  REQUIRE(write_whole(archive / "checkpoint", note));
  CHECK(names(w.judged(archive), "but there are entries for at most 256"));
  if (node_is_here()) {
    CHECK(
        node("each " + w.around.path().string() + " '" + w.key + "'")["missed"].empty());
  }
}

TEST_CASE("an older copy and another history are found by a checkpoint that was kept",
          "[ledger][archive]") {
  const auto records = fifty_records();
  const std::vector<record> first(records.begin(), records.begin() + 30);
  const std::vector<record> rest(records.begin() + 30, records.end());
  world w;
  w.write(first, 10);
  world restored; // from a backup of 30 records; it has the same key
  world older;
  for (auto* copy : {&restored, &older}) {
    fs::copy(w.ledger.path(), copy->ledger.path(), fs::copy_options::recursive);
  }
  w.write(rest, 10);
  const auto archive = w.archive("a");
  const auto kept = *read_whole(archive / "checkpoint");
  CHECK(w.judged(archive, {kept}).good());

  std::vector<record> different;
  for (int i = 0; i < 40; ++i) {
    different.push_back(message("other-" + std::to_string(i)));
  }
  restored.write(different, 10);
  REQUIRE(restored.key == w.key);
  const auto fork = restored.archive("fork");
  CHECK(restored.judged(fork).good()); // by itself it is consistent
  CHECK(names(restored.judged(fork, {kept}), "..50: not what known checkpoint 1 signed"));
  // And it is not taken for a continuation.
  const auto refused = ledger::archive(restored.ledger.path(), archive, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::conflict);

  older.key = w.key;
  CHECK(names(older.judged(older.archive("b"), {kept}),
              "the archive ends at 30: it is an older"));
  const auto shorter = ledger::archive(older.ledger.path(), archive, {});
  REQUIRE_FALSE(shorter);
  CHECK_THAT(shorter.error().message(), Contains("older copy"));
}

TEST_CASE("an effect without its verdict, its person or its decision is found",
          "[ledger][archive]") {
  const auto findings = [](std::vector<record> records) {
    world w;
    w.write(records, records.size());
    const auto v = w.judged(w.archive("bad"));
    if (node_is_here()) {
      CHECK(node("each " + w.around.path().string() + " '" + w.key + "'")["missed"]
                .empty());
    }
    REQUIRE_FALSE(v.good());
    return v.findings.front();
  };
  const auto ask = about("verdict", "x", {{"effect", "ask"}});
  const auto opened = approval("x", "proposed", "pending", "escalate");
  CHECK_THAT(findings({effect("x", "intent")}),
             Contains("record 1: an effect without a verdict"));
  CHECK_THAT(findings({ask, opened, effect("x", "intent")}),
             Contains("record 3: an effect without a decision"));
  CHECK_THAT(findings({ask, opened, approval("x", "pending", "approved", "order")}),
             Contains("record 3: approved by order, who is no person"));
  CHECK_THAT(findings({ask, approval("x", "proposed", "allowed", "escalate")}),
             Contains("record 2: allowed without a verdict that allows it"));
  CHECK_THAT(findings({ask, opened, approval("x", "pending", "approved", "person:maria"),
                       approval("x", "approved", "consumed", "effect", "d2")}),
             Contains("record 4: the approval is of another action"));
  auto twice = a_day(1);
  twice.resize(5);
  twice.push_back(effect("a1", "intent"));
  CHECK_THAT(findings(twice), Contains("record 6: a second effect of one decision"));
  auto counts = a_day(1);
  counts.back().detail["in_flight"] = 2;
  CHECK_THAT(findings(counts), Contains("record 17: the counters do not add up"));
}

TEST_CASE("time may stand still and pass a whole second, but not go back",
          "[ledger][archive]") {
  world w;
  auto o = test_options(w.ledger.path());
  const auto clock = std::make_shared<manual_clock>(
      timestamp(std::chrono::microseconds(1'795'000'000'999'999)));
  o.time = clock;
  auto s = open_store(std::move(o));
  w.key = s->public_key();
  for (const int microseconds : {0, 1, 0, 369, 499'631, 500'000}) {
    clock->advance(std::chrono::microseconds(microseconds));
    REQUIRE(s->commit(appends({message("e")})));
  }
  REQUIRE(s->sign_checkpoint());
  s->close();
  const auto archive = w.archive("good");
  CHECK(w.judged(archive).findings == std::vector<std::string>{});
  const auto entries = *read_entries(*read_whole(archive / "tile/entries/000.p/6"),
                                     6);      // not a loop's range
  CHECK_THAT(entries[1], Contains(":41Z\"")); // the second without a fraction
  if (node_is_here()) {
    CHECK(
        node("each " + w.around.path().string() + " '" + w.key + "'")["missed"].empty());
  }
}

TEST_CASE("a ledger that does not give its own root is not published",
          "[ledger][archive]") {
  world w;
  w.write(fifty_records(), 50);
  REQUIRE(
      std::system(("sqlite3 " + w.ledger.database().string() +
                   " \"UPDATE record SET header = replace(header, 'maria', 'mario')\"")
                      .c_str()) == 0);
  const auto refused = ledger::archive(w.ledger.path(), w.place("a"), {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::corrupt);
  CHECK_FALSE(fs::exists(w.place("a") / "checkpoint"));
}

TEST_CASE("a folder that is no archive is not written into", "[ledger][archive]") {
  world w;
  w.write(fifty_records(), 50);
  fs::create_directories(w.place("mine"));
  std::ofstream(w.place("mine") / "letter.txt") << "dear";
  const auto refused = ledger::archive(w.ledger.path(), w.place("mine"), {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::conflict);
}

TEST_CASE("one record is proven by a file and a key, at every place and size",
          "[ledger][archive]") {
  world w;
  const auto proofs = w.place("proofs");
  fs::create_directories(proofs);
  std::vector<record> records;
  for (int i = 0; i < 300; ++i) {
    records.push_back(message("e-" + std::to_string(i)));
  }
  std::size_t written = 0;
  for (const std::size_t size : {1, 2, 3, 7, 64, 255, 256, 257, 300}) {
    w.write({records.begin() + static_cast<std::ptrdiff_t>(written),
             records.begin() + static_cast<std::ptrdiff_t>(size)},
            1000);
    written = size;
    REQUIRE(verified(w.ledger.path()).covered == size);
    const auto archive = w.archive("a");
    for (std::size_t seq = 1; seq <= size; ++seq) {
      const auto proof = prove(archive, seq);
      INFO("record " << seq << " of " << size << (proof ? "" : proof.error().describe()));
      REQUIRE(proof);
      const auto seen = check_proof(*proof, w.key);
      REQUIRE(seen);
      CHECK(seen->seq == seq);
      CHECK(seen->size == size);
      CHECK(json::parse(seen->header)["id"] == "e-" + std::to_string(seq - 1));
      if (seq % 13 == 1 || seq == size) {
        const auto name = std::to_string(size) + "-" + std::to_string(seq);
        REQUIRE(write_whole(proofs / ("good-" + name), *proof));
        auto changed = *proof;
        const auto at = seq % changed.size();
        changed[at] = static_cast<char>(changed[at] ^ 1);
        CHECK_FALSE(check_proof(changed, w.key));
        REQUIRE(write_whole(proofs / ("bad-" + name), changed));
      }
    }
    CHECK(prove(archive, size + 1).error().code() == errc::not_found);
  }
  // Every bit of one proof, and every prefix of it.
  const auto proof = *prove(w.place("a"), 200);
  for (std::size_t at = 0; at < proof.size(); ++at) {
    auto changed = proof;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
    INFO("byte " << at);
    CHECK_FALSE(check_proof(changed, w.key));
    CHECK_FALSE(check_proof(proof.substr(0, at), w.key));
  }
  if (node_is_here()) {
    const auto seen = node("proofs " + proofs.string() + " '" + w.key + "'");
    CHECK(seen["missed"] == json::array());
    CHECK(seen["checked"] > 50);
  }
}

TEST_CASE("the samples of the tutorial are what it says they are", "[ledger][archive]") {
  const fs::path samples = AUDIT_SAMPLES;
  const auto key = *read_whole(samples / "ledger.pub");
  const temporary_directory here;
  for (const std::string name : {"clean", "tampered"}) {
    const auto to = here.path() / (name == "clean" ? "good" : "bad");
    fs::create_directories(to);
    REQUIRE(std::system(("tar -xzf " + (samples / (name + ".tar.gz")).string() +
                         " --strip-components=1 -C " + to.string())
                            .c_str()) == 0);
    const auto v = verify_archive(to, key.substr(0, key.find('\n')), {}, {});
    REQUIRE(v);
    INFO(json(v->findings).dump(2));
    CHECK(v->good() == (name == "clean"));
  }
  if (node_is_here()) {
    const auto seen =
        node("each " + here.path().string() + " '" + key.substr(0, key.find('\n')) + "'");
    CHECK(seen["missed"] == json::array());
    CHECK(seen["checked"] == 2);
  }
}
