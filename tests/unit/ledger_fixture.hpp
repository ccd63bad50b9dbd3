/// What the ledger's tests share: a directory that vanishes, a store on it, small units.
#pragma once

#include "ledger/ledger.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>

namespace crossdock::ledger::testing {

class temporary_directory {
public:
  temporary_directory() {
    std::string name =
        (std::filesystem::temp_directory_path() / "ledger-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      std::abort();
    }
    path_ = name;
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path database() const { return path_ / "ledger.db"; }

private:
  std::filesystem::path path_;
};

/// A room's own table, for preconditions.
inline migration notes_table() {
  return {"notes", 1,
          "CREATE TABLE note(name TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;"};
}

inline options test_options(const std::filesystem::path& directory) {
  options o;
  o.directory = directory;
  o.origin = "test.example/ledger";
  o.time = std::make_shared<manual_clock>(timestamp(std::chrono::seconds(1'795'000'000)));
  o.random = std::make_shared<seeded_random>(7);
  o.migrations = {notes_table()};
  // Checkpoints only where a test asks for one.
  o.checkpoint_every = std::chrono::hours(1);
  return o;
}

inline std::unique_ptr<store> open_store(options o) {
  auto s = store::open(std::move(o));
  INFO((s ? std::string() : s.error().describe()));
  REQUIRE(s);
  return *std::move(s);
}

inline record message(std::string id, std::string body = "{\"qty\":\"3\"}") {
  record r;
  r.kind = "envelope";
  r.id = std::move(id);
  r.source = "order";
  r.target = "replenishment";
  r.case_id = "case-1";
  r.body = std::move(body);
  return r;
}

/// A unit that appends the records.
inline unit appends(std::vector<record> records, record_class cls = record_class::a) {
  unit u;
  u.name = "test.append";
  u.cls = cls;
  u.apply = [records = std::move(records)](transaction& t) -> result<void> {
    for (const auto& r : records) {
      if (auto seq = t.append(r); !seq) {
        return seq.error();
      }
    }
    return {};
  };
  return u;
}

/// Waits until every unit submitted before has been committed.
inline void settle(store& s) {
  unit u;
  u.name = "test.settle";
  u.cls = record_class::a;
  REQUIRE(s.commit(std::move(u)));
}

inline std::int64_t count(store& s, const std::string& table) {
  auto reader = s.reader();
  REQUIRE(reader);
  auto rows = (*reader)->query("SELECT count(*) FROM " + table);
  REQUIRE(rows);
  return (*rows)[0].integer(0);
}

inline verification verified(const std::filesystem::path& directory) {
  auto v = verify(directory, {}, {});
  INFO((v ? std::string() : v.error().describe()));
  REQUIRE(v);
  return *v;
}

} // namespace crossdock::ledger::testing
