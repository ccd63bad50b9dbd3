// What a start does to a database of an older version.
#include "ledger/quick_check.hpp"
#include "ledger/upgrade.hpp"

#include "ledger_fixture.hpp"

#include <sys/stat.h>

#include <fstream>

using namespace crossdock;
using namespace crossdock::ledger;
using namespace crossdock::ledger::testing;

namespace {

options with_second_step(options o) {
  o.migrations.push_back({"notes", 2, "ALTER TABLE note ADD COLUMN tag TEXT;"});
  return o;
}

std::size_t copies_in(const std::filesystem::path& folder) {
  std::size_t n = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    n += entry.path().filename().string().starts_with("ledger.db.before") ? 1 : 0;
  }
  return n;
}

} // namespace

TEST_CASE("before tables change, the database as it was is kept", "[ledger][upgrade]") {
  temporary_directory dir;
  const auto o = test_options(dir.path());
  {
    auto s = open_store(o);
    REQUIRE(s->commit(appends({message("m-1"), message("m-2")})));
  }
  CHECK(copies_in(dir.path()) == 0); // the first start of an empty one needs none
  const auto newer = with_second_step(o);
  const auto plan = plan_upgrade(dir.path(), newer.migrations);
  REQUIRE(plan);
  CHECK(plan->str() == "notes 1 to 2");
  CHECK(plan->copy == dir.path() / "ledger.db.before-notes.2");
  { open_store(newer); }

  auto copy = open_reader(plan->copy);
  REQUIRE(copy);
  CHECK((*copy)->query("SELECT count(*) FROM record")->front().integer(0) == 2);
  CHECK_FALSE((*copy)->query("SELECT tag FROM note"));
  struct stat s {};
  REQUIRE(::stat(plan->copy.c_str(), &s) == 0);
  CHECK((s.st_mode & 0777) == 0600);
  // The next start finds nothing to do and keeps no further copy.
  { open_store(newer); }
  CHECK(plan_upgrade(dir.path(), newer.migrations)->steps.empty());
  CHECK(copies_in(dir.path()) == 1);
  CHECK(verified(dir.path()).good());
}

TEST_CASE("the copy is a ledger that the older version opens again",
          "[ledger][upgrade]") {
  temporary_directory dir;
  const auto o = test_options(dir.path());
  {
    auto s = open_store(o);
    REQUIRE(s->commit(appends({message("m-1")})));
  }
  { open_store(with_second_step(o)); }
  REQUIRE_FALSE(store::open(o)); // too new for it
  std::filesystem::rename(dir.path() / "ledger.db.before-notes.2", dir.database());
  auto s = open_store(o);
  CHECK(count(*s, "record") == 1);
}

TEST_CASE("starts that fail again and again keep one copy", "[ledger][upgrade]") {
  temporary_directory dir;
  auto o = test_options(dir.path());
  {
    auto s = open_store(o);
    REQUIRE(s->commit(appends({message("m-1")})));
  }
  auto broken = o;
  broken.migrations.push_back({"more", 1, "CREATE TABEL y;"});
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(store::open(broken));
  }
  CHECK(copies_in(dir.path()) == 1);
  // What was recorded since makes it another database: it gets a copy of its own.
  {
    auto s = open_store(o);
    REQUIRE(s->commit(appends({message("m-2")})));
  }
  CHECK_FALSE(store::open(broken));
  CHECK(copies_in(dir.path()) == 2);
}

TEST_CASE("without room for the copy nothing is changed", "[ledger][upgrade]") {
  temporary_directory dir;
  const auto o = test_options(dir.path());
  { open_store(o); }
  // A folder where the copy would be written takes its name away, also from root.
  std::filesystem::create_directories(dir.path() / "ledger.db.before-notes.2.partial/x");
  const auto refused = store::open(with_second_step(o));
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().describe(), Catch::Contains("Nothing was changed") &&
                                             Catch::Contains("ledger.db.before-notes.2"));
  open_store(o); // still of the older version
}

TEST_CASE("a newer database is refused with both versions and left alone",
          "[ledger][upgrade]") {
  temporary_directory dir;
  const auto o = test_options(dir.path());
  { open_store(with_second_step(o)); }
  const auto refused = store::open(o);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::version);
  CHECK_THAT(refused.error().describe(),
             Catch::Contains("have version 2, known here is 1"));
  CHECK(copies_in(dir.path()) == 0);
}

TEST_CASE("a quick look tells records, versions and a good signature", "[ledger]") {
  temporary_directory dir;
  auto o = test_options(dir.path());
  {
    auto s = open_store(o);
    REQUIRE(s->commit(appends({message("m-1"), message("m-2")})));
  } // the last checkpoint is signed when it closes
  const auto look = look_at(dir.path());
  REQUIRE(look);
  CHECK(look->records == 2);
  CHECK(look->covered == 2);
  CHECK(look->versions.at("notes") == 1);

  temporary_directory other;
  o.directory = other.path();
  o.random = std::make_shared<seeded_random>(8);
  {
    auto s = open_store(o);
    REQUIRE(s->commit(appends({message("m-1")})));
  }
  std::filesystem::copy_file(other.path() / "ledger.pub", dir.path() / "ledger.pub",
                             std::filesystem::copy_options::overwrite_existing);
  const auto forged = look_at(dir.path());
  REQUIRE_FALSE(forged);
  CHECK(forged.error().code() == errc::denied);
}
