#include "ledger/header.hpp"
#include "ledger/key_file.hpp"
#include "ledger/ledger.hpp"
#include "ledger/merkle.hpp"
#include "ledger/record_rules.hpp"
#include "ledger/signed_note.hpp"

#include <algorithm>
#include <deque>
#include <map>

namespace crossdock::ledger {
namespace {

/// Rows read at once: bounded memory, and no snapshot that holds the write-ahead log
/// back.
constexpr std::int64_t page_rows = 256;
/// After so many findings the rest says nothing new.
constexpr std::size_t findings_max = 1000;

std::string range(std::uint64_t first, std::uint64_t last) {
  return first == last ? "record " + std::to_string(first)
                       : "records " + std::to_string(first) + ".." + std::to_string(last);
}

/// One pass over the file, in pages. What was there when it began is judged; what a node
/// adds meanwhile is not.
class verifier {
public:
  verifier(connection& db, verification_key key) : db_(db), key_(std::move(key)) {}

  result<verification>
  run(const std::function<void(std::uint64_t, std::uint64_t)>& progress);

private:
  using channel_name = std::pair<std::string, std::string>;

  result<void> begin();
  result<bool> next_page(); ///< false: there are no more records
  result<void> judge(const row& r);
  void judge_header(std::uint64_t seq, const std::string& text, const row& r);
  void judge_channel(std::uint64_t seq, const json& header);
  result<void> skip_to(std::uint64_t seq);
  result<void> checkpoints_until(std::uint64_t size);
  void judge_checkpoint(const row& r);
  result<void> end();
  void find(std::string what);

  connection& db_;
  verification_key key_;
  verification out_;

  std::uint64_t last_ = 0;            ///< the last record there was when we began
  std::uint64_t last_checkpoint_ = 0; ///< the newest checkpoint then
  bool has_checkpoints_ = false;
  std::map<channel_name, std::uint64_t> stored_channels_;

  frontier tree_;
  bool tree_known_ =
      true; ///< false after a gap, until a good checkpoint says how to go on
  std::uint64_t position_ = 0;      ///< the last number passed, there or not
  std::uint64_t provable_from_ = 1; ///< the first record after the last judged checkpoint
  std::map<channel_name, std::uint64_t> channels_;
  std::deque<row> checkpoints_; ///< read and not yet judged
  std::int64_t checkpoint_cursor_ = -1;
};

void verifier::find(std::string what) {
  if (out_.findings.size() < findings_max) {
    out_.findings.push_back(std::move(what));
  } else if (out_.findings.size() == findings_max) {
    out_.findings.push_back("there is more; only the first " +
                            std::to_string(findings_max) + " findings are listed");
  }
}

result<void> verifier::begin() {
  // One snapshot for the three, so that they fit each other while a node writes.
  if (auto r = db_.exec("BEGIN"); !r) {
    return r.error();
  }
  const auto records = db_.query("SELECT coalesce(max(seq), 0) FROM record");
  const auto newest = db_.query("SELECT size FROM checkpoint ORDER BY size DESC LIMIT 1");
  const auto channels = db_.query("SELECT source, target, last FROM channel");
  if (auto r = db_.exec("COMMIT"); !r) {
    return r.error();
  }
  for (const auto* rows : {&records, &newest, &channels}) {
    if (!*rows) {
      return rows->error().code() == errc::internal
                 ? error(errc::corrupt, "this database holds no ledger (" +
                                            rows->error().message() + ")")
                 : rows->error();
    }
  }
  last_ = (*records)[0].number(0);
  has_checkpoints_ = !newest->empty();
  last_checkpoint_ = has_checkpoints_ ? newest->front().number(0) : 0;
  for (const auto& r : *channels) {
    stored_channels_[{r.text(0), r.text(1)}] = r.number(2);
  }
  return checkpoints_until(0);
}

result<verification>
verifier::run(const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  if (auto r = begin(); !r) {
    return r.error();
  }
  while (true) {
    const auto more = next_page();
    if (!more) {
      if (more.error().code() != errc::corrupt) {
        return more.error();
      }
      find("the database file is damaged after record " + std::to_string(position_) +
           ": " + more.error().message());
      return out_;
    }
    if (progress) {
      progress(std::min(position_, last_), last_);
    }
    if (!*more) {
      break;
    }
  }
  if (auto r = end(); !r) {
    if (r.error().code() != errc::corrupt) {
      return r.error();
    }
    find("the database file is damaged: " + r.error().message());
  }
  return out_;
}

result<bool> verifier::next_page() {
  const auto rows = db_.query(
      "SELECT r.seq, r.header, r.leaf, r.kind, r.case_id, b.bytes, b.seq FROM record r "
      "LEFT JOIN body b ON b.seq = r.seq WHERE r.seq > ? AND r.seq <= ? ORDER BY r.seq "
      "LIMIT ?",
      {static_cast<std::int64_t>(position_), static_cast<std::int64_t>(last_),
       page_rows});
  if (!rows) {
    return rows.error();
  }
  for (const auto& r : *rows) {
    if (auto judged = judge(r); !judged) {
      return judged.error();
    }
  }
  return static_cast<std::int64_t>(rows->size()) == page_rows;
}

result<void> verifier::judge(const row& r) {
  const auto seq = r.number(0);
  if (auto skipped = skip_to(seq); !skipped) {
    return skipped;
  }
  const auto header = r.text(1);
  const auto leaf = leaf_hash(header);
  ++out_.records;
  position_ = seq;
  if (as_view(leaf) != r.text(2)) {
    find("record " + std::to_string(seq) +
         ": the header was changed (it does not give the "
         "stored leaf hash)");
  }
  judge_header(seq, header, r);
  if (tree_known_) {
    tree_.push(leaf);
  }
  return checkpoints_until(seq);
}

/// Numbers between the last record and `seq` have no record.
result<void> verifier::skip_to(std::uint64_t seq) {
  if (seq == position_ + 1) {
    return {};
  }
  find(range(position_ + 1, seq - 1) + ": missing");
  tree_known_ = false;
  position_ = seq - 1;
  if (auto r = checkpoints_until(position_); !r) {
    return r;
  }
  tree_known_ = tree_known_ && tree_.size() == position_;
  return {};
}

void verifier::judge_header(std::uint64_t seq, const std::string& text, const row& r) {
  const auto say = [this](std::string what) { find(std::move(what)); };
  const auto header = read_header(seq, text, key_.name, say);
  if (!header) {
    return;
  }
  if (text_or(*header, "kind") != r.text(3) || text_or(*header, "case") != r.text(4)) {
    find("record " + std::to_string(seq) +
         ": kind or case beside the header is not what the header says");
  }
  const auto body = r.is_null(6) ? std::string() : r.text(5);
  judge_body(seq, *header, r.is_null(6) ? nullptr : &body, say);
  judge_channel(seq, *header);
}

void verifier::judge_channel(std::uint64_t seq, const json& header) {
  const channel_name channel{text_or(header, "src"), text_or(header, "dst")};
  const bool numbered = header.contains("chan_seq");
  const bool expected = !channel.first.empty() && !channel.second.empty();
  if (!numbered && !expected) {
    return;
  }
  const auto name = "record " + std::to_string(seq) + ": channel " + channel.first +
                    " to " + channel.second;
  if (!numbered || !expected || !header["chan_seq"].is_number_unsigned()) {
    find(name + " has no number, or a number without a channel");
    return;
  }
  const auto number = header["chan_seq"].get<std::uint64_t>();
  auto& last = channels_[channel];
  if (number != last + 1) {
    find(name + " has number " + std::to_string(number) + " after " +
         std::to_string(last));
  }
  last = number;
}

/// Judges the checkpoints up to `size`, which the records passed so far reach.
result<void> verifier::checkpoints_until(std::uint64_t size) {
  while (has_checkpoints_) {
    if (checkpoints_.empty()) {
      if (checkpoint_cursor_ >= static_cast<std::int64_t>(last_checkpoint_)) {
        return {};
      }
      auto rows = db_.query(
          "SELECT size, root, note, frontier FROM checkpoint "
          "WHERE size > ? AND size <= ? ORDER BY size LIMIT ?",
          {checkpoint_cursor_, static_cast<std::int64_t>(last_checkpoint_), page_rows});
      if (!rows) {
        return rows.error();
      }
      if (rows->empty()) {
        return {};
      }
      checkpoint_cursor_ = rows->back().integer(0);
      std::move(rows->begin(), rows->end(), std::back_inserter(checkpoints_));
    }
    if (checkpoints_.front().number(0) > size) {
      return {};
    }
    judge_checkpoint(checkpoints_.front());
    checkpoints_.pop_front();
  }
  return {};
}

void verifier::judge_checkpoint(const row& r) {
  const auto size = r.number(0);
  const auto name = "checkpoint of " + std::to_string(size) + " records";
  ++out_.checkpoints;
  const auto text = open_note(r.text(2), key_);
  if (!text) {
    find(name + ": " + text.error().message());
    return; // it says nothing about the records; the next good one does
  }
  const auto head = tree_head::parse(*text);
  if (!head || head->size != size || head->origin != key_.name ||
      as_view(head->root) != r.text(1)) {
    find(name + ": the signed text does not say what is stored beside it");
    return;
  }
  const auto first = provable_from_;
  provable_from_ = size + 1;
  const bool here = tree_known_ && tree_.size() == size;
  const bool good = here && tree_.root() == head->root;
  if (good) {
    out_.covered = size;
    out_.root_hex = to_hex(head->root);
  } else if (here) {
    find(range(first, size) + ": not what the checkpoint of " + std::to_string(size) +
         " records signed");
  }
  // The stored tree is as good as the signature if it gives the signed root, and lets
  // what follows be judged by itself.
  auto stored = frontier::from_bytes(size, r.text(3));
  if (stored && stored->root() == head->root) {
    tree_ = *std::move(stored);
    tree_known_ = true;
  } else {
    find(name + ": the tree stored beside it does not give the signed root");
    tree_known_ = good;
  }
}

result<void> verifier::end() {
  if (has_checkpoints_ && last_checkpoint_ > last_) {
    find(range(last_ + 1, last_checkpoint_) +
         ": missing at the end, but signed by the "
         "checkpoint of " +
         std::to_string(last_checkpoint_) + " records");
    tree_known_ = false;
    position_ = last_checkpoint_;
  }
  if (auto r = checkpoints_until(std::max(last_, last_checkpoint_)); !r) {
    return r;
  }
  for (const auto& [channel, last] : channels_) {
    const auto found = stored_channels_.find(channel);
    const auto stored = found == stored_channels_.end() ? 0 : found->second;
    if (stored != last) {
      find("channel " + channel.first + " to " + channel.second +
           ": the records end at number " + std::to_string(last) + ", the channel at " +
           std::to_string(stored));
    }
  }
  for (const auto& [channel, last] : stored_channels_) {
    if (!channels_.contains(channel)) {
      find("channel " + channel.first + " to " + channel.second + ": its " +
           std::to_string(last) + " records are missing");
    }
  }
  const auto stray =
      db_.query("SELECT b.seq FROM body b LEFT JOIN record r ON r.seq = b.seq "
                "WHERE r.seq IS NULL AND b.seq <= ? LIMIT 20",
                {static_cast<std::int64_t>(last_)});
  if (!stray) {
    return stray.error();
  }
  for (const auto& r : *stray) {
    find("record " + r.text(0) + ": there is a body without a record");
  }
  const auto whole = db_.query("PRAGMA integrity_check(20)");
  if (!whole) {
    return whole.error();
  }
  for (const auto& r : *whole) {
    if (r.text(0) != "ok") {
      find("the database file is damaged: " + r.text(0));
    }
  }
  return {};
}

} // namespace

result<verification>
verify(const std::filesystem::path& directory, std::string_view vkey,
       const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  auto key = vkey.empty() ? load_public_key(directory) : verification_key::parse(vkey);
  if (!key) {
    return key.error();
  }
  const auto file = directory / "ledger.db";
  auto db = open_reader(file);
  if (!db) {
    return db.error();
  }
  return verifier(**db, *std::move(key)).run(progress);
}

} // namespace crossdock::ledger
