/// A SQLite VFS that writes down what is written and synced, and can let the n-th call
/// fail; and what a disk may hold after a power loss at any point of that story.
#pragma once

#include "base/clock.hpp"

#include <sqlite3.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace crossdock::ledger::testing {

/// One call of SQLite, or a remark of the test.
struct disk_call {
  enum kind_t { write, truncate, sync, remove, remark } kind;
  std::string file;    ///< its name without the directory
  std::int64_t at = 0; ///< offset, size or the remark
  std::string bytes;
};

/// Stands in front of the system's VFS as the default one while it lives. Files behave as
/// usual; one at a time in a process.
class recording_vfs {
public:
  recording_vfs() : real_(sqlite3_vfs_find(nullptr)) {
    self_ = this;
    std::memcpy(&vfs_, real_, sizeof vfs_);
    vfs_.iVersion = 1;
    vfs_.zName = "recording";
    vfs_.szOsFile = static_cast<int>(sizeof(shim_file)) + real_->szOsFile;
    vfs_.pAppData = real_;
    vfs_.xOpen = &open;
    vfs_.xDelete = [](sqlite3_vfs*, const char* n, int s) {
      self_->note({disk_call::remove, base_name(n), 0, ""});
      return self_->real_->xDelete(self_->real_, n, s);
    };
    vfs_.xAccess = [](sqlite3_vfs*, const char* n, int f, int* r) {
      return self_->real_->xAccess(self_->real_, n, f, r);
    };
    vfs_.xFullPathname = [](sqlite3_vfs*, const char* n, int s, char* out) {
      return self_->real_->xFullPathname(self_->real_, n, s, out);
    };
    sqlite3_vfs_register(&vfs_, 1);
  }
  recording_vfs(const recording_vfs&) = delete;
  recording_vfs& operator=(const recording_vfs&) = delete;
  ~recording_vfs() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
  }

  void remark(std::int64_t value) { note({disk_call::remark, "", value, ""}); }
  std::vector<disk_call> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  /// Syncs of the write-ahead log so far: one for each commit.
  std::size_t wal_syncs() const {
    const std::lock_guard lock(mutex_);
    std::size_t n = 0;
    for (const auto& c : calls_) {
      n += c.kind == disk_call::sync && c.file.ends_with("-wal") ? 1 : 0;
    }
    return n;
  }
  /// From now on the n-th write, truncation or sync fails, and every one after it. 0:
  /// none.
  void fail_at(std::size_t n, int code) {
    const std::lock_guard lock(mutex_);
    fail_at_ = n == 0 ? 0 : made_ + n;
    code_ = code;
  }

private:
  struct shim_file {
    sqlite3_file base;
    const char* name; ///< lives as long as the file is open (SQLite's promise)
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };
  static shim_file* shim(sqlite3_file* f) { return reinterpret_cast<shim_file*>(f); }
  static sqlite3_file* real(sqlite3_file* f) { return shim(f)->real(); }

  void note(disk_call c) {
    const std::lock_guard lock(mutex_);
    calls_.push_back(std::move(c));
  }
  int attempt() {
    const std::lock_guard lock(mutex_);
    ++made_;
    return fail_at_ != 0 && made_ >= fail_at_ ? code_ : SQLITE_OK;
  }
  static std::string base_name(const char* name) {
    return name == nullptr ? "" : std::filesystem::path(name).filename().string();
  }

  static int open(sqlite3_vfs*, const char* name, sqlite3_file* f, int flags, int* out) {
    auto* s = shim(f);
    s->name = name;
    s->base.pMethods = nullptr;
    const int rc = self_->real_->xOpen(self_->real_, name, s->real(), flags, out);
    if (rc == SQLITE_OK && s->real()->pMethods != nullptr) {
      s->base.pMethods = &methods();
    }
    return rc;
  }
  static int write_at(sqlite3_file* f, const void* data, int n, sqlite3_int64 at) {
    if (const int rc = self_->attempt(); rc != SQLITE_OK) {
      return rc == SQLITE_FULL ? rc : SQLITE_IOERR_WRITE;
    }
    self_->note(
        {disk_call::write, base_name(shim(f)->name), at,
         std::string(static_cast<const char*>(data), static_cast<std::size_t>(n))});
    return real(f)->pMethods->xWrite(real(f), data, n, at);
  }
  static int truncate_to(sqlite3_file* f, sqlite3_int64 size) {
    if (const int rc = self_->attempt(); rc != SQLITE_OK) {
      return rc == SQLITE_FULL ? rc : SQLITE_IOERR_TRUNCATE;
    }
    self_->note({disk_call::truncate, base_name(shim(f)->name), size, ""});
    return real(f)->pMethods->xTruncate(real(f), size);
  }
  static int sync_now(sqlite3_file* f, int flags) {
    if (const int rc = self_->attempt(); rc != SQLITE_OK) {
      return rc == SQLITE_FULL ? rc : SQLITE_IOERR_FSYNC;
    }
    const int rc = real(f)->pMethods->xSync(real(f), flags);
    self_->note({disk_call::sync, base_name(shim(f)->name), 0, ""});
    return rc;
  }
  static const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods m = {
        2,
        [](sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); },
        [](sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
          return real(f)->pMethods->xRead(real(f), to, n, at);
        },
        &write_at,
        &truncate_to,
        &sync_now,
        [](sqlite3_file* f, sqlite3_int64* size) {
          return real(f)->pMethods->xFileSize(real(f), size);
        },
        [](sqlite3_file* f, int l) { return real(f)->pMethods->xLock(real(f), l); },
        [](sqlite3_file* f, int l) { return real(f)->pMethods->xUnlock(real(f), l); },
        [](sqlite3_file* f, int* out) {
          return real(f)->pMethods->xCheckReservedLock(real(f), out);
        },
        [](sqlite3_file* f, int op, void* arg) {
          return real(f)->pMethods->xFileControl(real(f), op, arg);
        },
        [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); },
        [](sqlite3_file* f) {
          return real(f)->pMethods->xDeviceCharacteristics(real(f));
        },
        [](sqlite3_file* f, int region, int size, int extend, void volatile** out) {
          return real(f)->pMethods->xShmMap(real(f), region, size, extend, out);
        },
        [](sqlite3_file* f, int at, int n, int flags) {
          return real(f)->pMethods->xShmLock(real(f), at, n, flags);
        },
        [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); },
        [](sqlite3_file* f, int remove) {
          return real(f)->pMethods->xShmUnmap(real(f), remove);
        },
        nullptr,
        nullptr};
    return m;
  }

  static inline recording_vfs* self_ = nullptr;
  sqlite3_vfs* real_;
  sqlite3_vfs vfs_{};
  mutable std::mutex mutex_;
  std::vector<disk_call> calls_;
  std::size_t made_ = 0;
  std::size_t fail_at_ = 0;
  int code_ = SQLITE_OK;
};

/// full: what was synced is there. normal: as `PRAGMA synchronous=NORMAL`, which syncs
/// the write-ahead log only before it is moved into the database. lying: syncs do
/// nothing.
enum class disk_kind { full, normal, lying };

/// Replays calls and, at any point, gives a content the disk may have after a power loss:
/// what was synced, and of everything since any 512-byte sectors or none.
class power_loss {
public:
  power_loss(const std::vector<disk_call>& calls, disk_kind kind)
      : calls_(calls), kind_(kind) {}

  /// Goes on to the n-th call; returns the last remark passed.
  std::int64_t advance(std::size_t n) {
    for (; done_ < n; ++done_) {
      const auto& c = calls_[done_];
      if (c.kind == disk_call::remark) {
        remark_ = c.at;
      } else if (c.kind == disk_call::remove) {
        files_.erase(c.file);
      } else if (c.kind != disk_call::sync) {
        files_[c.file].pending.push_back(&c);
      } else if (effective(done_)) {
        auto& f = files_[c.file];
        for (const auto* p : f.pending) {
          apply(f.content, *p);
        }
        f.pending.clear();
      }
    }
    return remark_;
  }

  void materialise(const std::filesystem::path& directory, random_source& random) const {
    for (const auto& [name, f] : files_) {
      auto content = f.content;
      const auto fate = random.next() % 4; // none of it, all of it, a prefix, any sectors
      const auto prefix = f.pending.empty() ? 0 : random.next() % f.pending.size();
      for (std::size_t i = 0; i < f.pending.size(); ++i) {
        if (fate == 0 || (fate == 2 && i > prefix)) {
          continue;
        }
        if (fate == 3 && f.pending[i]->kind == disk_call::write) {
          torn(content, *f.pending[i], random);
        } else {
          apply(content, *f.pending[i]);
        }
      }
      std::ofstream(directory / name, std::ios::binary | std::ios::trunc) << content;
    }
  }

private:
  struct file {
    std::string content;
    std::vector<const disk_call*> pending;
  };

  bool effective(std::size_t i) const {
    if (kind_ == disk_kind::full || !calls_[i].file.ends_with("-wal")) {
      return kind_ != disk_kind::lying;
    }
    if (kind_ == disk_kind::lying) {
      return false;
    }
    for (std::size_t next = i + 1; next < calls_.size(); ++next) {
      if (calls_[next].kind != disk_call::remark) {
        return !calls_[next].file.ends_with("-wal");
      }
    }
    return false;
  }
  static void put(std::string& content, std::size_t at, std::string_view bytes) {
    if (content.size() < at + bytes.size()) {
      content.resize(at + bytes.size(), '\0');
    }
    std::copy(bytes.begin(), bytes.end(),
              content.begin() + static_cast<std::ptrdiff_t>(at));
  }
  static void apply(std::string& content, const disk_call& c) {
    if (c.kind == disk_call::truncate) {
      content.resize(static_cast<std::size_t>(c.at), '\0');
    } else {
      put(content, static_cast<std::size_t>(c.at), c.bytes);
    }
  }
  static void torn(std::string& content, const disk_call& c, random_source& random) {
    constexpr std::size_t sector = 512;
    const auto begin = static_cast<std::size_t>(c.at);
    for (std::size_t i = 0; i < c.bytes.size();) {
      const auto end =
          std::min(c.bytes.size(), (begin + i) / sector * sector + sector - begin);
      if (random.next() % 2 == 0) {
        put(content, begin + i, std::string_view(c.bytes).substr(i, end - i));
      }
      i = end;
    }
  }

  const std::vector<disk_call>& calls_;
  disk_kind kind_;
  std::size_t done_ = 0;
  std::int64_t remark_ = 0;
  std::map<std::string, file> files_;
};

} // namespace crossdock::ledger::testing
