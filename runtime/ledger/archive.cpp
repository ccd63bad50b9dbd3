#include "ledger/archive.hpp"

#include "ledger/merkle.hpp"
#include "ledger/signed_note.hpp"
#include "ledger/tiles.hpp"

#include <set>

namespace crossdock::ledger {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t page_rows = 256; // one bundle

class archiver {
public:
  archiver(connection& db, fs::path to) : db_(db), to_(std::move(to)) {}

  result<archived>
  run(const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
    if (auto r = find_end(); !r) {
      return r.error();
    }
    if (auto r = find_start(); !r) {
      return r.error();
    }
    while (written_ < end_.size) {
      if (auto r = write_page(); !r) {
        return r.error();
      }
      if (progress) {
        progress(written_, end_.size);
      }
    }
    for (std::size_t level = 0; level < unfinished_.size(); ++level) {
      if (auto r = write_hashes(level); !r) {
        return r.error();
      }
    }
    if (root_of(unfinished_) != end_.root) {
      return error(errc::corrupt,
                   "the records do not give the root that the checkpoint of " +
                       std::to_string(end_.size) +
                       " records signed; nothing was published. `crossdock "
                       "ledger verify` says where");
    }
    if (auto r = publish(); !r) {
      return r.error();
    }
    return archived{end_.size, end_.size - before_, to_hex(end_.root)};
  }

private:
  result<void> find_end() {
    const auto rows =
        db_.query("SELECT size, root, note FROM checkpoint ORDER BY size DESC LIMIT 1");
    if (!rows) {
      return rows.error();
    }
    if (rows->empty() || rows->front().number(0) == 0) {
      return error(errc::not_found,
                   "there is no checkpoint yet, so there is nothing to archive");
    }
    end_.size = rows->front().number(0);
    const auto root = rows->front().text(1);
    if (root.size() != end_.root.size()) {
      return error(errc::corrupt, "the newest checkpoint has no root");
    }
    std::copy(root.begin(), root.end(), reinterpret_cast<char*>(end_.root.data()));
    note_ = rows->front().text(2);
    return {};
  }

  /// Where an archive that is there goes on: at its last full bundle, with the unfinished
  /// tiles of the higher levels.
  result<void> find_start() {
    std::error_code failure;
    if (!fs::exists(to_ / "checkpoint", failure)) {
      if (fs::exists(to_, failure) && !fs::is_empty(to_, failure) &&
          !interrupted_first()) {
        return error(errc::conflict, "the folder is not empty and holds no archive")
            .at("file", to_.string());
      }
      return {};
    }
    const auto note = read_whole(to_ / "checkpoint");
    if (!note) {
      return note.error();
    }
    // Only the text counts here: who signed it is asked when it is verified.
    const auto head =
        tree_head::parse(std::string_view(*note).substr(0, note->find("\n\n") + 1));
    if (!head) {
      return error(errc::conflict,
                   "the archive's checkpoint cannot be read: " + head.error().message())
          .at("file", (to_ / "checkpoint").string());
    }
    before_ = head->size;
    if (before_ > end_.size) {
      return error(errc::conflict, "the archive holds " + std::to_string(before_) +
                                       " records, this ledger only " +
                                       std::to_string(end_.size) +
                                       ": it is an older copy")
          .at("file", to_.string());
    }
    const auto own = db_.query("SELECT root FROM checkpoint WHERE size = ?",
                               {static_cast<std::int64_t>(before_)});
    if (!own) {
      return own.error();
    }
    if (own->empty() || own->front().text(0) != as_view(head->root)) {
      return error(errc::conflict,
                   "the archive is not a beginning of this ledger: another "
                   "history has its first " +
                       std::to_string(before_) + " records")
          .at("file", to_.string());
    }
    written_ = before_ / tile_width * tile_width;
    for (std::size_t level = 0; level < hash_levels(before_); ++level) {
      unfinished_.emplace_back();
      const auto count = before_ >> (8 * level);
      if (level == 0 || count % tile_width == 0) {
        continue;
      }
      const tile_name tile{"tile/" + std::to_string(level), count / tile_width,
                           count % tile_width};
      const auto bytes = read_whole(to_ / tile.path());
      if (!bytes) {
        return bytes.error();
      }
      auto hashes = read_tile(*bytes, tile.width);
      if (!hashes) {
        return std::move(hashes).error().at("file", (to_ / tile.path()).string());
      }
      unfinished_[level] = *std::move(hashes);
    }
    done_.assign(unfinished_.size(), 0);
    for (std::size_t level = 0; level < done_.size(); ++level) {
      done_[level] = (before_ >> (8 * level)) / tile_width;
    }
    return {};
  }

  /// A first archive that was interrupted has tiles and no checkpoint.
  bool interrupted_first() const {
    std::error_code failure;
    return fs::exists(to_ / "tile", failure) || fs::exists(to_ / "bodies", failure);
  }

  result<void> write_page() {
    const auto rows = db_.query("SELECT r.seq, r.header, b.bytes, b.seq FROM record r "
                                "LEFT JOIN body b ON b.seq = r.seq "
                                "WHERE r.seq > ? AND r.seq <= ? ORDER BY r.seq LIMIT ?",
                                {static_cast<std::int64_t>(written_),
                                 static_cast<std::int64_t>(end_.size), page_rows});
    if (!rows) {
      return rows.error();
    }
    if (rows->empty()) {
      return error(errc::corrupt,
                   "record " + std::to_string(written_ + 1) + " is missing");
    }
    const tile_name entries{"tile/entries", written_ / tile_width, rows->size()};
    std::string entry_bytes;
    std::string body_bytes;
    for (const auto& r : *rows) {
      if (r.number(0) != ++written_) {
        return error(errc::corrupt, "record " + std::to_string(written_) + " is missing");
      }
      const auto header = r.text(1);
      if (auto added = append_entry(entry_bytes, header); !added) {
        return added.error();
      }
      append_body(body_bytes,
                  r.is_null(3) ? std::nullopt : std::optional(std::string(r.text(2))));
      if (auto added = push(0, leaf_hash(header)); !added) {
        return added.error();
      }
    }
    if (auto r = write(to_ / entries.path(), entry_bytes); !r) {
      return r.error();
    }
    return write(to_ / tile_name{"bodies", entries.number, entries.width}.path(),
                 body_bytes);
  }

  result<void> push(std::size_t level, const sha256& hash) {
    if (unfinished_.size() == level) {
      unfinished_.emplace_back();
      done_.push_back(0);
    }
    unfinished_[level].push_back(hash);
    if (unfinished_[level].size() < tile_width) {
      return {};
    }
    if (auto r = write_hashes(level); !r) {
      return r.error();
    }
    const auto root = subtree_root(unfinished_[level]);
    unfinished_[level].clear();
    ++done_[level];
    return push(level + 1, root);
  }

  result<void> write_hashes(std::size_t level) {
    const auto& hashes = unfinished_[level];
    if (hashes.empty()) {
      return {};
    }
    std::string bytes;
    for (const auto& hash : hashes) {
      bytes += as_view(hash);
    }
    const tile_name tile{"tile/" + std::to_string(level), done_[level], hashes.size()};
    return write(to_ / tile.path(), bytes);
  }

  /// What is published rests on what is synced, and what it replaces goes last.
  result<void> publish() {
    std::string history;
    std::int64_t after = -1;
    while (true) {
      const auto rows =
          db_.query("SELECT size, note FROM checkpoint WHERE size > ? AND size <= ? "
                    "AND size > 0 ORDER BY size LIMIT ?",
                    {after, static_cast<std::int64_t>(end_.size), page_rows});
      if (!rows) {
        return rows.error();
      }
      for (const auto& r : *rows) {
        auto line = canonical_json({{"size", r.number(0)}, {"note", r.text(1)}});
        if (!line) {
          return line.error();
        }
        history += *line + "\n";
      }
      if (rows->size() < page_rows) {
        break;
      }
      after = rows->back().integer(0);
    }
    if (auto r = write(to_ / "checkpoints.jsonl", history); !r) {
      return r;
    }
    if (auto r = sync_folders(touched_); !r) {
      return r;
    }
    if (auto r = write(to_ / "checkpoint", note_); !r) {
      return r;
    }
    if (before_ % tile_width != 0 && before_ != end_.size) {
      remove_replaced();
    }
    return sync_folders(touched_);
  }

  /// Partial tiles of the size before.
  void remove_replaced() {
    std::error_code ignored;
    const auto remove = [&](const std::string& level, std::uint64_t before,
                            std::uint64_t now) {
      if (before % tile_width == 0 || before == now) {
        return;
      }
      const auto old =
          to_ / tile_name{level, before / tile_width, before % tile_width}.path();
      fs::remove(old, ignored);
      fs::remove(old.parent_path(), ignored); // only if it is empty
    };
    for (std::size_t level = 0; level < hash_levels(before_); ++level) {
      remove("tile/" + std::to_string(level), before_ >> (8 * level),
             end_.size >> (8 * level));
    }
    remove("tile/entries", before_, end_.size);
    remove("bodies", before_, end_.size);
  }

  result<void> write(const fs::path& file, std::string_view bytes) {
    for (auto folder = file.parent_path();
         touched_.insert(folder).second && folder != to_;) {
      folder = folder.parent_path();
    }
    return write_whole(file, bytes);
  }

  connection& db_;
  fs::path to_;
  std::set<fs::path> touched_; ///< folders with new entries
  tree_head end_;
  std::string note_;
  std::uint64_t before_ = 0;                    ///< records in the archive when we began
  std::uint64_t written_ = 0;                   ///< records whose entries are written
  std::vector<std::vector<sha256>> unfinished_; ///< one tile a level
  std::vector<std::uint64_t> done_;             ///< full tiles a level
};

} // namespace

result<archived>
archive(const std::filesystem::path& ledger, const std::filesystem::path& to,
        const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  auto db = open_reader(ledger / "ledger.db");
  if (!db) {
    return db.error();
  }
  return archiver(**db, to).run(progress);
}

} // namespace crossdock::ledger
