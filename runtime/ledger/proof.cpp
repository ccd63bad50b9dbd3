#include "ledger/proof.hpp"

#include "base/base64.hpp"
#include "ledger/header.hpp"
#include "ledger/merkle.hpp"
#include "ledger/signed_note.hpp"
#include "ledger/tiles.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <map>

namespace crossdock::ledger {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view first_line = "c2sp.org/tlog-proof@v1\n";
constexpr std::size_t hashes_max =
    63; // tlog-proof allows no more: a tree of 2^63 entries

/// Roots of stretches of an archive's tree, from its tiles.
class tiled_tree {
public:
  tiled_tree(fs::path archive, std::uint64_t size)
      : archive_(std::move(archive)), size_(size) {}

  /// PATH(m, D[n]) of RFC 6962 §2.1.1, nearest sibling first.
  result<std::vector<sha256>> path(std::uint64_t index) {
    std::vector<sha256> hashes;
    std::uint64_t first = 0;
    std::uint64_t count = size_;
    while (count > 1) {
      const auto left = std::bit_floor(count - 1);
      const bool in_left = index - first < left;
      auto sibling = in_left ? root(first + left, count - left) : root(first, left);
      if (!sibling) {
        return std::move(sibling).error();
      }
      hashes.push_back(*sibling);
      first += in_left ? 0 : left;
      count = in_left ? left : count - left;
    }
    std::reverse(hashes.begin(), hashes.end());
    return hashes;
  }

private:
  /// Of `count` entries from `first` on; a power of two is aligned.
  result<sha256> root(std::uint64_t first, std::uint64_t count) {
    if (std::has_single_bit(count)) {
      const auto height = static_cast<std::size_t>(std::countr_zero(count));
      const auto level = height / 8;
      const auto width = std::uint64_t{1} << (height % 8);
      const auto at = first >> (8 * level);
      const auto hashes = tile(level, at / tile_width);
      if (!hashes) {
        return hashes.error();
      }
      const auto from = (*hashes)->begin() + static_cast<std::ptrdiff_t>(at % tile_width);
      return subtree_root({from, from + static_cast<std::ptrdiff_t>(width)});
    }
    const auto left = std::bit_floor(count);
    const auto a = root(first, left);
    const auto b = a ? root(first + left, count - left) : a;
    return b ? result<sha256>(node_hash(*a, *b)) : b;
  }

  result<const std::vector<sha256>*> tile(std::size_t level, std::uint64_t number) {
    auto& hashes = tiles_[{level, number}];
    if (hashes.empty()) {
      const auto count = size_ >> (8 * level);
      const tile_name name{"tile/" + std::to_string(level), number,
                           std::min(tile_width, count - number * tile_width)};
      const auto bytes = read_whole(archive_ / name.path());
      if (!bytes) {
        return bytes.error();
      }
      auto read = read_tile(*bytes, name.width);
      if (!read) {
        return std::move(read).error().at("file", name.path());
      }
      hashes = *std::move(read);
    }
    return &hashes;
  }

  fs::path archive_;
  std::uint64_t size_;
  std::map<std::pair<std::size_t, std::uint64_t>, std::vector<sha256>> tiles_;
};

/// The root that a path gives (RFC 9162 §2.1.3.2); nothing if it has the wrong length.
std::optional<sha256> root_by_path(std::uint64_t index, std::uint64_t size, sha256 hash,
                                   const std::vector<sha256>& path) {
  auto last = size - 1;
  for (const auto& sibling : path) {
    if (last == 0) {
      return std::nullopt;
    }
    if (index % 2 == 1 || index == last) {
      hash = node_hash(sibling, hash);
      while (index % 2 == 0 && index != 0) {
        index /= 2;
        last /= 2;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    index /= 2;
    last /= 2;
  }
  return last == 0 ? std::optional(hash) : std::nullopt;
}

/// Takes the next line, without its end.
std::optional<std::string_view> take_line(std::string_view& text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const auto line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

error no_proof(const std::string& why) {
  return error(errc::malformed, "this is no proof of a record: " + why);
}

} // namespace

result<std::string> prove(const std::filesystem::path& archive, std::uint64_t seq) {
  const auto note = read_whole(archive / "checkpoint");
  if (!note) {
    return error(errc::not_found, "there is no archive here (no file `checkpoint`)")
        .at("file", archive.string());
  }
  const auto head =
      tree_head::parse(std::string_view(*note).substr(0, note->find("\n\n") + 1));
  if (!head) {
    return std::move(head).error();
  }
  if (seq == 0 || seq > head->size) {
    return error(errc::not_found,
                 "the archive holds records 1 to " + std::to_string(head->size))
        .at("seq", std::to_string(seq));
  }
  const auto index = seq - 1;
  const auto number = index / tile_width;
  const tile_name bundle{"tile/entries", number,
                         std::min(tile_width, head->size - number * tile_width)};
  const auto bytes = read_whole(archive / bundle.path());
  if (!bytes) {
    return bytes.error();
  }
  const auto entries = read_entries(*bytes, bundle.width);
  if (!entries) {
    return error(entries.error()).at("file", bundle.path());
  }
  const auto path = tiled_tree(archive, head->size).path(index);
  if (!path) {
    return path.error();
  }
  const auto& header = (*entries)[index % tile_width];
  const auto root = root_by_path(index, head->size, leaf_hash(header), *path);
  if (!root || *root != head->root) {
    return error(errc::corrupt,
                 "the archive's tiles do not give the root of its checkpoint; "
                 "verify it first")
        .at("seq", std::to_string(seq));
  }
  std::string out(first_line);
  out += "extra " + to_base64(header) + "\nindex " + std::to_string(index) + "\n";
  for (const auto& hash : *path) {
    out += to_base64(as_view(hash)) + "\n";
  }
  return out + "\n" + *note;
}

result<proven> check_proof(std::string_view proof, std::string_view vkey) {
  const auto key = verification_key::parse(vkey);
  if (!key) {
    return key.error();
  }
  if (!proof.starts_with(first_line)) {
    return no_proof("it does not begin with c2sp.org/tlog-proof@v1");
  }
  proof.remove_prefix(first_line.size());
  const auto extra = take_line(proof);
  const auto header = extra && extra->starts_with("extra ")
                          ? from_base64(extra->substr(6))
                          : std::optional<std::string>();
  if (!header || header->size() > header_bytes_max) {
    return no_proof("it has no record (line `extra`)");
  }
  const auto place = take_line(proof);
  std::uint64_t index = 0;
  if (!place || !place->starts_with("index ") ||
      std::from_chars(place->data() + 6, place->data() + place->size(), index).ptr !=
          place->data() + place->size() ||
      std::to_string(index) != place->substr(6)) {
    return no_proof("it has no place (line `index`)");
  }
  std::vector<sha256> path;
  while (true) {
    const auto line = take_line(proof);
    if (!line) {
      return no_proof("it is cut off");
    }
    if (line->empty()) {
      break;
    }
    const auto bytes = from_base64(*line);
    if (!bytes || bytes->size() != sizeof(sha256) || path.size() == hashes_max) {
      return no_proof("a line of it is no hash");
    }
    std::copy_n(bytes->begin(), sizeof(sha256),
                reinterpret_cast<char*>(path.emplace_back().data()));
  }
  const auto text = open_note(proof, *key);
  if (!text) {
    return text.error();
  }
  const auto head = tree_head::parse(*text);
  if (!head || head->origin != key->name) {
    return no_proof("the signed text is no checkpoint of log \"" + key->name + "\"");
  }
  const auto root = index < head->size
                        ? root_by_path(index, head->size, leaf_hash(*header), path)
                        : std::nullopt;
  if (!root || *root != head->root) {
    return error(errc::corrupt, "this record is not at place " +
                                    std::to_string(index + 1) +
                                    " of the log that was signed");
  }
  const auto parsed = parse_json(*header, {header_bytes_max, 64});
  if (!parsed || !parsed->is_object() ||
      parsed->value("seq", json()) != json(index + 1)) {
    return error(errc::corrupt, "the record does not say of itself that it is number " +
                                    std::to_string(index + 1));
  }
  return proven{index + 1, *header, head->size, to_hex(head->root)};
}

} // namespace crossdock::ledger
