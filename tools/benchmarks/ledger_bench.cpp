/// How fast the ledger is on this machine. `tools/bench ledger` runs it; by itself:
/// `bench_ledger [--json FILE|-] [--seconds N] [DIRECTORY]`. The directory decides which
/// disk is measured; a folder in it is made and removed. Not a test: figures depend on
/// the disk and on what else runs. Exit codes: 0 measured, 1 failed, 2 usage.
#include "ledger/ledger.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <future>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

using namespace crossdock;
using namespace crossdock::ledger;

namespace {

using steady = std::chrono::steady_clock;

double seconds_since(steady::time_point start) {
  return std::chrono::duration<double>(steady::now() - start).count();
}

/// Ends the program with its message; a benchmark has nobody to hand an error to.
struct failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class T>
T value_of(result<T> r) {
  if (!r) {
    throw failure(r.error().describe());
  }
  return std::move(*r);
}

class scratch_folder {
public:
  explicit scratch_folder(const std::filesystem::path& parent)
      : path_(parent / ("ledger-bench-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

double quantile(std::vector<double>& values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

// -- what is written -----------------------------------------------------------------

record small_record(int producer) {
  record r;
  r.kind = "envelope";
  r.id = "01J0000000000000000000000";
  r.source = "order";
  r.target = "producer-" + std::to_string(producer);
  r.tenant = "default";
  r.case_id = "case-1";
  r.schema = "order.line/1";
  r.body = R"({"item":"SKU-1","quantity":"10","site":"B1","wanted":"2026-11-26"})";
  return r;
}

unit one_record(int producer, record_class cls) {
  unit u;
  u.name = "bench";
  u.cls = cls;
  u.apply = [r = small_record(producer)](transaction& t) -> result<void> {
    auto seq = t.append(r);
    return seq ? result<void>() : result<void>(seq.error());
  };
  return u;
}

// -- measurements --------------------------------------------------------------------

struct durable_figures {
  double per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

std::vector<double> commits_of(store& s, int producer, steady::time_point end) {
  std::vector<double> waits_ms;
  while (steady::now() < end) {
    const auto begin = steady::now();
    value_of(s.commit(one_record(producer, record_class::a)));
    waits_ms.push_back(seconds_since(begin) * 1000);
  }
  return waits_ms;
}

/// Class a units, each waited for by its producer.
durable_figures durable_units(store& s, int producers, double seconds) {
  const auto start = steady::now();
  const auto end = start + std::chrono::duration_cast<steady::duration>(
                               std::chrono::duration<double>(seconds));
  std::vector<std::future<std::vector<double>>> running;
  running.reserve(static_cast<std::size_t>(producers));
  for (int p = 0; p < producers; ++p) {
    running.push_back(
        std::async(std::launch::async, [&s, p, end] { return commits_of(s, p, end); }));
  }
  std::vector<double> waits_ms;
  for (auto& r : running) {
    const auto some = r.get();
    waits_ms.insert(waits_ms.end(), some.begin(), some.end());
  }
  const auto took = seconds_since(start);
  return {static_cast<double>(waits_ms.size()) / took, quantile(waits_ms, 0.5),
          quantile(waits_ms, 0.99)};
}

struct saturated_figures {
  double per_second = 0;
  double records_per_group = 0;
};

/// Class a units that nobody waits for singly: the queue is always full.
saturated_figures saturated_units(store& s, double seconds) {
  std::atomic<std::uint64_t> failed{0};
  std::uint64_t done = 0; // these three: the writer's thread, until the last commit
  std::uint64_t groups = 0;
  std::uint64_t group_end = 0;
  const auto start = steady::now();
  for (int n = 0; n % 256 != 0 || seconds_since(start) < seconds; ++n) {
    auto u = one_record(n % 64, record_class::a);
    u.durable = [&](const result<receipt>& r) {
      failed += r ? 0 : 1;
      ++done;
      groups += std::exchange(group_end, s.durable_seq()) != s.durable_seq() ? 1 : 0;
    };
    s.submit(std::move(u));
  }
  value_of(s.commit(one_record(0, record_class::a)));
  const auto took = seconds_since(start);
  if (failed != 0) {
    throw failure(fmt::format("{} units failed", failed.load()));
  }
  return {static_cast<double>(done) / took,
          static_cast<double>(done) / static_cast<double>(groups)};
}

/// Class b units, each submitted when the one before was applied.
double chain_us(store& s, int links) {
  std::promise<void> end;
  std::function<void(int)> next = [&](int left) {
    auto u = one_record(0, record_class::b);
    u.applied = [&, left](const result<receipt>& r) {
      if (!r) {
        end.set_exception(std::make_exception_ptr(failure(r.error().describe())));
      } else if (left == 0) {
        end.set_value();
      } else {
        next(left - 1);
      }
    };
    s.submit(std::move(u));
  };
  const auto start = steady::now();
  next(links - 1);
  end.get_future().get();
  return seconds_since(start) * 1e6 / links;
}

/// SQLite as anybody would open it.
class bare_database {
public:
  explicit bare_database(const std::filesystem::path& file) {
    check(sqlite3_open(file.c_str(), &db_));
  }
  bare_database(const bare_database&) = delete;
  bare_database& operator=(const bare_database&) = delete;
  ~bare_database() {
    sqlite3_finalize(insert_);
    sqlite3_close(db_);
  }

  void run(const char* sql) { check(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr)); }
  void prepare(const char* sql) {
    check(sqlite3_prepare_v2(db_, sql, -1, &insert_, nullptr));
  }
  void insert(const stored_record& r) {
    sqlite3_bind_text64(insert_, 1, r.header.data(), r.header.size(), SQLITE_STATIC,
                        SQLITE_UTF8);
    sqlite3_bind_blob64(insert_, 2, r.body.data(), r.body.size(), SQLITE_STATIC);
    if (sqlite3_step(insert_) != SQLITE_DONE) {
      check(sqlite3_errcode(db_));
    }
    check(sqlite3_reset(insert_));
  }

private:
  void check(int code) {
    if (code != SQLITE_OK) {
      throw failure(std::string("bare SQLite: ") + sqlite3_errmsg(db_));
    }
  }

  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

/// The same headers and bodies into two columns of a bare table, at FULL, in groups of
/// the same size: what SQLite alone would do on this disk.
double bare_sqlite(const std::filesystem::path& folder,
                   const std::vector<stored_record>& records, std::size_t group,
                   double seconds) {
  bare_database db(folder / "bare.db");
  db.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
         "CREATE TABLE record (seq INTEGER PRIMARY KEY, header TEXT NOT NULL,"
         " body BLOB NOT NULL) STRICT");
  db.prepare("INSERT INTO record (header, body) VALUES (?, ?)");
  std::size_t written = 0;
  const auto start = steady::now();
  while (seconds_since(start) < seconds) {
    db.run("BEGIN IMMEDIATE");
    for (std::size_t i = 0; i < group; ++i, ++written) {
      db.insert(records[written % records.size()]);
    }
    db.run("COMMIT");
  }
  return static_cast<double>(written) / seconds_since(start);
}

/// What one sync of this disk costs: 4 KiB appended, then fdatasync.
double fdatasync_ms(const std::filesystem::path& folder) {
  const auto file = folder / "sync";
  const int fd = ::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) {
    throw failure("cannot write " + file.string());
  }
  const std::string page(4096, 'x');
  std::vector<double> took_ms;
  for (int i = 0; i < 200; ++i) {
    const auto start = steady::now();
    if (::write(fd, page.data(), page.size()) != static_cast<ssize_t>(page.size()) ||
        ::fdatasync(fd) != 0) {
      ::close(fd);
      throw failure("cannot write " + file.string());
    }
    took_ms.push_back(seconds_since(start) * 1000);
  }
  ::close(fd);
  return quantile(took_ms, 0.5);
}

double verified_per_second(const std::filesystem::path& folder) {
  const auto start = steady::now();
  const auto v = value_of(verify(folder, {}, {}));
  if (!v.good()) {
    throw failure("the ledger does not verify: " + v.findings.front());
  }
  return static_cast<double>(v.records) / seconds_since(start);
}

/// In the order in which they are read.
nlohmann::ordered_json measure(const std::filesystem::path& parent, double seconds) {
  const scratch_folder scratch(parent);
  options o;
  o.directory = scratch.path() / "ledger";
  o.origin = "bench.local/ledger";
  const auto opened = value_of(store::open(std::move(o)));
  store& s = *opened;
  const auto one = durable_units(s, 1, seconds);
  const auto many = durable_units(s, 64, seconds);
  const auto saturated = saturated_units(s, seconds);
  const auto chain = chain_us(s, 20'000);
  const auto sample = value_of(read_records(*value_of(s.reader()), 1, 4096, 4096));
  s.close();
  const auto group =
      std::max<std::size_t>(1, static_cast<std::size_t>(saturated.records_per_group));
  const auto bare = bare_sqlite(scratch.path(), sample, group, seconds);
  return {{"figures",
           {{"records_per_s_1", one.per_second},
            {"ack_ms_p50_1", one.p50_ms},
            {"ack_ms_p99_1", one.p99_ms},
            {"records_per_s_64", many.per_second},
            {"ack_ms_p50", many.p50_ms},
            {"ack_ms_p99", many.p99_ms},
            {"records_per_s_saturated", saturated.per_second},
            {"records_per_group_saturated", saturated.records_per_group},
            {"bare_sqlite_records_per_s", bare},
            {"chain_us_per_unit", chain},
            {"verify_records_per_s", verified_per_second(scratch.path() / "ledger")},
            {"fdatasync_ms_p50", fdatasync_ms(scratch.path())}}},
          {"ratios", {{"ratio_bare_sqlite", saturated.per_second / bare}}}};
}

void print(const nlohmann::ordered_json& measured, const std::string& to) {
  if (to == "-") {
    fmt::print("{}\n", measured.dump());
  } else if (!to.empty()) {
    std::ofstream out(to);
    if (!(out << measured.dump(2) << '\n')) {
      throw failure("cannot write " + to);
    }
  } else {
    for (const auto& group : {"figures", "ratios"}) {
      for (const auto& [name, value] : measured.at(group).items()) {
        fmt::print("{:<28}{:>14.3f}\n", name, value.get<double>());
      }
    }
  }
}

int run(int argc, char** argv) {
  CLI::App app("Measures the ledger on the disk of DIRECTORY.");
  std::string to;
  std::string directory = ".";
  double seconds = 3;
  app.add_option("--json", to, "one JSON object into a file, or to standard output: -");
  app.add_option("--seconds", seconds, "for each of the four measurements (default 3)")
      ->check(CLI::Range(0.1, 600.0));
  app.add_option("DIRECTORY", directory, "where to write (default: here)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  print(measure(directory, seconds), to);
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_ledger: %s\n", e.what());
    return 1;
  }
}
