#include "ledger/archive.hpp"
#include "ledger/header.hpp"
#include "ledger/merkle.hpp"
#include "ledger/record_rules.hpp"
#include "ledger/signed_note.hpp"
#include "ledger/tiles.hpp"

#include <algorithm>
#include <deque>
#include <set>

namespace crossdock::ledger {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t findings_max = 1000;

/// A signed size and root, and where it was found.
struct signed_head {
  std::uint64_t size = 0;
  sha256 root{};
  std::string where;
  bool known = false; ///< the auditor kept it
};

class archive_verifier {
public:
  archive_verifier(fs::path archive, verification_key key)
      : archive_(std::move(archive)), key_(std::move(key)),
        rules_([this](std::string what) { find(std::move(what)); }) {}

  result<verification>
  run(const std::vector<std::string>& known,
      const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
    if (!fs::exists(archive_ / "checkpoint")) {
      return error(errc::not_found, "there is no archive here (no file `checkpoint`)")
          .at("file", archive_.string());
    }
    read_checkpoint();
    read_history();
    for (std::size_t i = 0; i < known.size(); ++i) {
      take_head(known[i], "known checkpoint " + std::to_string(i + 1), true);
    }
    std::stable_sort(heads_.begin(), heads_.end(),
                     [](const auto& a, const auto& b) { return a.size < b.size; });
    bound_size();
    if (size_ > 0) {
      check_files();
      check_records(progress);
    }
    for (; next_head_ < heads_.size(); ++next_head_) {
      const auto& head = heads_[next_head_];
      find(head.where + " covers " + std::to_string(head.size) +
           " records, but the archive ends at " + std::to_string(size_) +
           (head.known ? ": it is an older copy or another history" : ""));
    }
    return std::move(out_);
  }

private:
  void find(std::string what) {
    if (out_.findings.size() < findings_max) {
      out_.findings.push_back(std::move(what));
    } else if (out_.findings.size() == findings_max) {
      out_.findings.push_back("there is more; only the first " +
                              std::to_string(findings_max) + " findings are listed");
    }
  }

  std::optional<std::string> read(const std::string& name) {
    auto bytes = read_whole(archive_ / name);
    if (!bytes) {
      find(name + ": " + bytes.error().message());
      return std::nullopt;
    }
    return *std::move(bytes);
  }

  std::optional<signed_head> take_head(const std::string& note, const std::string& where,
                                       bool known) {
    const auto text = open_note(note, key_);
    if (!text) {
      find(where + ": " + text.error().message());
      return std::nullopt;
    }
    const auto head = tree_head::parse(*text);
    if (!head || head->origin != key_.name) {
      find(where + ": the signed text is no checkpoint of log \"" + key_.name + "\"");
      return std::nullopt;
    }
    heads_.push_back({head->size, head->root, where, known});
    return heads_.back();
  }

  /// The newest checkpoint says how many records there must be. If it is damaged, its
  /// text is believed for that alone, so that the rest is still looked at.
  void read_checkpoint() {
    const auto note = read("checkpoint");
    if (!note) {
      return;
    }
    if (const auto head = take_head(*note, "checkpoint", false)) {
      size_ = head->size;
    } else if (const auto text = tree_head::parse(
                   std::string_view(*note).substr(0, note->find("\n\n") + 1))) {
      size_ = text->size;
    }
    checkpoint_note_ = *note;
  }

  void read_history() {
    const auto text = read("checkpoints.jsonl");
    if (!text) {
      return;
    }
    std::size_t line = 0;
    std::uint64_t last = 0;
    std::string last_note;
    for (std::size_t at = 0; at < text->size();) {
      const auto end = text->find('\n', at);
      const auto where = "checkpoints.jsonl line " + std::to_string(++line);
      if (end == std::string::npos) {
        find(where + ": is cut off");
        return;
      }
      const auto words = std::string_view(*text).substr(at, end - at);
      at = end + 1;
      const auto parsed = parse_json(words);
      const auto canonical =
          parsed ? canonical_json(*parsed) : result<std::string>(parsed.error());
      if (!canonical || *canonical != words || !parsed->is_object() ||
          parsed->size() != 2 || !parsed->contains("size") || !parsed->contains("note") ||
          !(*parsed)["size"].is_number_unsigned()) {
        find(where + ": is not {\"note\", \"size\"} as canonical JSON");
        continue;
      }
      last_note = text_or(*parsed, "note");
      const auto head = take_head(last_note, where, false);
      if (head &&
          (head->size != (*parsed)["size"].get<std::uint64_t>() || head->size <= last)) {
        find(where + ": its size is not that of its note, or does not rise");
      }
      last = head ? head->size : last;
    }
    out_.checkpoints = line;
    if (last_note != checkpoint_note_) {
      find("checkpoints.jsonl does not end with the note in `checkpoint`");
    }
  }

  /// Whoever wrote the checkpoint decides how much we look for, but not more than there
  /// can be: a number of records costs nothing to write.
  void bound_size() {
    std::uint64_t bundles = 0;
    std::error_code failure;
    for (fs::recursive_directory_iterator it(archive_ / "tile" / "entries", failure), end;
         !failure && it != end; it.increment(failure)) {
      bundles += it->is_directory(failure) ? 0 : 1;
    }
    const auto looked_for = (2 * bundles + 16) * tile_width; // some may be missing
    if (size_ > looked_for) {
      find("the checkpoint covers " + std::to_string(size_) +
           " records, but there are entries " + "for at most " +
           std::to_string(bundles * tile_width));
      size_ = looked_for;
    }
  }

  void check_files() {
    const auto expected = archive_files(size_);
    const std::set<std::string> names(expected.begin(), expected.end());
    std::set<std::string> found;
    std::error_code failure;
    for (fs::recursive_directory_iterator it(archive_, failure), end;
         !failure && it != end; it.increment(failure)) {
      if (it->is_directory(failure)) {
        continue;
      }
      const auto name = it->path().lexically_relative(archive_).generic_string();
      if (names.contains(name)) {
        found.insert(name);
      } else {
        find(name + ": does not belong to an archive of " + std::to_string(size_) +
             " records");
      }
    }
    if (failure) {
      find("the folder cannot be read: " + failure.message());
    }
  }

  void check_records(const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
    for (const auto& bundle : tiles_of("tile/entries", size_)) {
      check_bundle(bundle);
      if (progress) {
        progress(std::min(size_, (bundle.number + 1) * tile_width), size_);
      }
    }
    for (std::size_t level = 1; level < levels_.size(); ++level) {
      check_upper_level(level);
    }
  }

  /// The tile, or what is there of it: another width is wrong, but says where it begins
  /// to be.
  tile_name what_is_there(const tile_name& wanted) {
    std::error_code failure;
    if (fs::is_regular_file(archive_ / wanted.path(), failure)) {
      return wanted;
    }
    find(wanted.path() + ": there is no such file");
    tile_name other{wanted.level, wanted.number, tile_width};
    if (fs::is_regular_file(archive_ / other.path(), failure)) {
      return other;
    }
    other.width = 0;
    for (std::uint64_t width = tile_width - 1; width > 0 && other.width == 0; --width) {
      if (fs::is_regular_file(
              archive_ / tile_name{wanted.level, wanted.number, width}.path(), failure)) {
        other.width = width;
      }
    }
    return other;
  }

  /// Empty if nothing of the bundle can be read.
  template <class Read>
  auto read_bundle(const tile_name& wanted, Read read_parts)
      -> std::remove_reference_t<decltype(*read_parts("", 0))> {
    const auto tile = what_is_there(wanted);
    if (tile.width == 0) {
      return {};
    }
    const auto bytes = read(tile.path());
    if (!bytes) {
      return {};
    }
    auto parts = read_parts(*bytes, tile.width);
    if (!parts) {
      find(tile.path() + ": " + parts.error().message());
      return {};
    }
    return *std::move(parts);
  }

  void check_bundle(const tile_name& bundle) {
    const auto first = bundle.number * tile_width + 1;
    const tile_name hash_tile{"tile/0", bundle.number, bundle.width};
    const auto there = what_is_there(hash_tile);
    const auto stored = there.width > 0 ? read_hashes(there) : std::nullopt;
    const auto entries = read_bundle(bundle, read_entries);
    const auto bodies = read_bundle({"bodies", bundle.number, bundle.width}, read_bodies);
    std::vector<sha256> leaves;
    for (std::uint64_t i = 0; i < bundle.width; ++i) {
      const auto seq = first + i;
      const bool hashed = stored && i < stored->size();
      sha256 leaf{};
      if (i < entries.size()) {
        leaf = leaf_hash(entries[i]);
        if (hashed && leaf != (*stored)[i]) {
          find("record " + std::to_string(seq) +
               ": its entry does not give the hash in " + there.path());
        }
        ++out_.records;
        judge(seq, entries[i], i < bodies.size() ? &bodies[i] : nullptr);
      } else if (hashed) {
        leaf = (*stored)[i];
      } else {
        tree_known_ = false;
      }
      if (tree_known_) {
        tree_.push(leaf);
      }
      leaves.push_back(leaf);
      heads_at(seq);
    }
    if (bundle.width == tile_width) {
      push_level(1, subtree_root(leaves));
    }
  }

  void push_level(std::size_t level, const sha256& hash) {
    if (levels_.size() <= level) {
      levels_.resize(level + 1);
    }
    auto& hashes = levels_[level];
    hashes.push_back(hash);
    if (hashes.size() % tile_width == 0) {
      push_level(level + 1,
                 subtree_root({hashes.end() - static_cast<std::ptrdiff_t>(tile_width),
                               hashes.end()}));
    }
  }

  void check_upper_level(std::size_t level) {
    const auto& hashes = levels_[level];
    const auto name = "tile/" + std::to_string(level);
    for (const auto& tile : tiles_of(name, hashes.size())) {
      const auto stored = read_hashes(tile);
      for (std::uint64_t i = 0; stored && i < tile.width; ++i) {
        if ((*stored)[i] != hashes[tile.number * tile_width + i]) {
          const auto span = std::uint64_t{1} << (8 * level);
          const auto from = (tile.number * tile_width + i) * span;
          find(tile.path() + ": hash " + std::to_string(i + 1) +
               " is not that of records " + std::to_string(from + 1) + ".." +
               std::to_string(from + span));
          break;
        }
      }
    }
  }

  std::optional<std::vector<sha256>> read_hashes(const tile_name& tile) {
    const auto bytes = read(tile.path());
    if (!bytes) {
      return std::nullopt;
    }
    auto hashes = read_tile(*bytes, tile.width);
    if (!hashes) {
      find(tile.path() + ": " + hashes.error().message());
      return std::nullopt;
    }
    return *std::move(hashes);
  }

  /// `body`: null if the bundle of bodies cannot be read.
  void judge(std::uint64_t seq, const std::string& text,
             const std::optional<std::string>* body) {
    const auto say = [this](std::string what) { find(std::move(what)); };
    const auto header = read_header(seq, text, key_.name, say);
    if (!header) {
      return;
    }
    rules_.judge(seq, *header);
    if (body != nullptr) {
      judge_body(seq, *header, *body ? &**body : nullptr, say);
    }
  }

  /// The checkpoints whose last record is this one.
  void heads_at(std::uint64_t seq) {
    for (; next_head_ < heads_.size() && heads_[next_head_].size <= seq; ++next_head_) {
      const auto& head = heads_[next_head_];
      if (head.size < seq || !tree_known_) {
        continue; // of size 0, or what is missing was told
      }
      if (tree_.root() == head.root) {
        good_until_ = head.size;
        out_.covered = head.size;
        out_.root_hex = to_hex(head.root);
      } else {
        find("records " + std::to_string(good_until_ + 1) + ".." +
             std::to_string(head.size) + ": not what " + head.where + " signed");
      }
    }
  }

  fs::path archive_;
  verification_key key_;
  record_rules rules_;
  verification out_;
  std::uint64_t size_ = 0;
  std::string checkpoint_note_;
  std::vector<signed_head> heads_; ///< by size
  std::size_t next_head_ = 0;
  std::uint64_t good_until_ = 0;
  frontier tree_;
  bool tree_known_ = true;                  ///< false once a leaf can be had from nowhere
  std::vector<std::vector<sha256>> levels_; ///< from 1 on: one hash for 256 below
};

} // namespace

result<verification>
verify_archive(const std::filesystem::path& archive, std::string_view vkey,
               const std::vector<std::string>& known,
               const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  auto key = verification_key::parse(vkey);
  if (!key) {
    return key.error();
  }
  return archive_verifier(archive, *std::move(key)).run(known, progress);
}

} // namespace crossdock::ledger
