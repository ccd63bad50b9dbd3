#include "ledger/upgrade.hpp"

#include "ledger/connection.hpp"
#include "ledger/node_lock.hpp"
#include "ledger/schema.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

namespace crossdock::ledger {
namespace {

namespace fs = std::filesystem;

result<std::map<std::string, int>> present_versions(connection& db) {
  std::map<std::string, int> out;
  auto table = db.query("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'");
  if (!table) {
    return std::move(table).error();
  }
  if (table->empty()) {
    return out;
  }
  auto rows = db.query("SELECT room, max(version) FROM schema_version GROUP BY room");
  if (!rows) {
    return std::move(rows).error();
  }
  for (const auto& r : *rows) {
    out[r.text(0)] = static_cast<int>(r.integer(1));
  }
  return out;
}

/// Where a database stands: its newest record, or nothing if it cannot be read.
std::optional<std::int64_t> last_record(connection& db) {
  auto rows = db.query("SELECT coalesce(max(seq), 0) FROM record");
  return rows ? std::optional(rows->front().integer(0)) : std::nullopt;
}

/// A name of its own, unless an earlier start that failed made this very copy: starting
/// again and again must not fill the disk.
void choose_copy(connection& db, const fs::path& directory, const std::string& name,
                 upgrade_plan& plan) {
  const auto here = last_record(db);
  plan.copy = directory / name;
  std::error_code ignored;
  for (int n = 2; fs::exists(plan.copy, ignored); ++n) {
    if (auto copy = open_reader(plan.copy); copy && here && last_record(**copy) == here) {
      plan.copy_is_there = true;
      return;
    }
    plan.copy = directory / (name + "." + std::to_string(n));
  }
}

error copy_failure(const fs::path& copy, errc code, const std::string& why) {
  return error(code,
               "the ledger's database must be brought to this version, and the copy "
               "that is kept from before cannot be written: " +
                   why +
                   ". Nothing was changed; make room or mend the folder's "
                   "permissions and start again")
      .at("file", copy.string());
}

result<void> make_durable(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  const bool ok = fd >= 0 && ::fsync(fd) == 0;
  const int why = errno;
  if (fd >= 0) {
    ::close(fd);
  }
  if (!ok) {
    return copy_failure(file, why == ENOSPC || why == EDQUOT ? errc::disk_full : errc::io,
                        std::strerror(why));
  }
  return sync_directory(file.parent_path());
}

} // namespace

std::string upgrade_plan::str() const {
  std::string out;
  for (const auto& s : steps) {
    out += (out.empty() ? "" : ", ") + s.room + " " + std::to_string(s.from) + " to " +
           std::to_string(s.to);
  }
  return out;
}

result<upgrade_plan> plan_upgrade(connection& db, const fs::path& directory,
                                  const std::vector<migration>& rooms) {
  auto present = present_versions(db);
  if (!present) {
    return std::move(present).error();
  }
  auto wanted = newest_versions(rooms);
  upgrade_plan plan;
  std::string name = "ledger.db.before";
  for (const auto& [room, version] : wanted) {
    const int from = (*present)[room];
    if (from > version) {
      return upgrade_plan{}; // of a newer crossdock: it will be refused, not changed
    }
    if (from < version) {
      plan.steps.push_back({room, from, version});
      name += "-" + room + "." + std::to_string(version);
    }
  }
  const bool empty = (*present)["ledger"] == 0;
  if (!plan.steps.empty() && !empty) {
    choose_copy(db, directory, name, plan);
  }
  return plan;
}

result<upgrade_plan> plan_upgrade(const fs::path& directory,
                                  const std::vector<migration>& rooms) {
  auto db = open_reader(directory / "ledger.db");
  if (!db) {
    return db.error().code() == errc::not_found ? result<upgrade_plan>(upgrade_plan{})
                                                : std::move(db).error();
  }
  return plan_upgrade(**db, directory, rooms);
}

result<void> keep_copy(sqlite_connection& db, const fs::path& copy) {
  auto partial = copy;
  partial += ".partial";
  ::unlink(partial.c_str());
  {
    // Private like the database: who may read one may read the other.
    const int fd = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
      return copy_failure(copy, errno == ENOSPC ? errc::disk_full : errc::io,
                          std::strerror(errno));
    }
    ::close(fd);
  }
  sqlite3* raw = nullptr;
  int code = sqlite3_open_v2(partial.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr);
  const std::unique_ptr<sqlite3, close_database> target(raw);
  if (code == SQLITE_OK) {
    auto* backup = sqlite3_backup_init(raw, "main", db.handle(), "main");
    if (backup != nullptr) {
      sqlite3_backup_step(backup, -1);
      sqlite3_backup_finish(backup);
    }
    code = sqlite3_errcode(raw);
  }
  if (code == SQLITE_OK) {
    // One file that stands alone: no write-ahead log beside it when somebody looks at it.
    code = sqlite3_exec(raw, "PRAGMA journal_mode=DELETE", nullptr, nullptr, nullptr);
  }
  if (code != SQLITE_OK) {
    const std::string why = sqlite3_errmsg(raw);
    ::unlink(partial.c_str());
    return copy_failure(copy, code == SQLITE_FULL ? errc::disk_full : errc::io, why);
  }
  if (auto r = make_durable(partial); !r) {
    ::unlink(partial.c_str());
    return r;
  }
  if (::rename(partial.c_str(), copy.c_str()) != 0) {
    return copy_failure(copy, errc::io, std::strerror(errno));
  }
  return sync_directory(copy.parent_path());
}

} // namespace crossdock::ledger
