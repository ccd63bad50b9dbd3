#include "ledger/record_log.hpp"

#include "ledger/header.hpp"

#include <algorithm>

namespace crossdock::ledger {
namespace {

/// Channels kept in memory; a node has some thousand. Beyond it they are read again.
constexpr std::size_t channels_max = 1u << 16;
/// Records read at once while catching up.
constexpr std::int64_t catch_up_step = 1024;
/// Separates source and target in a key; neither may contain it in canonical JSON
/// unescaped.
constexpr char key_separator = '\0';

std::string_view bytes_of(const sha256& d) {
  return as_view(d);
}

} // namespace

error record_log::damaged(std::string what) const {
  return error(errc::corrupt,
               std::move(what) +
                   ". Nothing was changed. Restore ledger.db from a backup, or move the "
                   "directory away and begin a new ledger; `crossdock ledger verify` "
                   "says which "
                   "records the checkpoints still prove")
      .at("file", db_.file().string());
}

result<std::unique_ptr<record_log>> record_log::load(sqlite_connection& db,
                                                     std::string origin) {
  std::unique_ptr<record_log> log(new record_log(db, std::move(origin)));
  if (auto r = log->prepare(); !r) {
    return r.error();
  }
  if (auto r = log->restore(); !r) {
    return r.error();
  }
  if (auto r = log->catch_up(); !r) {
    return r.error();
  }
  return log;
}

result<void> record_log::prepare() {
  const std::pair<statement*, const char*> all[] = {
      {&insert_record_, "INSERT INTO record(seq, kind, case_id, header, leaf) "
                        "VALUES (?1, ?2, ?3, ?4, ?5)"},
      {&insert_body_, "INSERT INTO body(seq, bytes) VALUES (?1, ?2)"},
      {&put_channel_, "INSERT INTO channel(source, target, last) VALUES (?1, ?2, ?3) "
                      "ON CONFLICT(source, target) DO UPDATE SET last = excluded.last"},
      {&put_checkpoint_, "INSERT INTO checkpoint(size, root, time, note, frontier) "
                         "VALUES (?1, ?2, ?3, ?4, ?5)"}};
  for (const auto& [target, sql] : all) {
    auto s = db_.prepare(sql);
    if (!s) {
      return s.error();
    }
    *target = *std::move(s);
  }
  return {};
}

result<void> record_log::restore() {
  const auto rows = db_.query("SELECT size, root, time, note, frontier FROM checkpoint "
                              "ORDER BY size DESC LIMIT 1");
  if (!rows) {
    return rows.error();
  }
  if (rows->empty()) {
    return {};
  }
  const auto& r = rows->front();
  const auto size = r.number(0);
  auto tree = frontier::from_bytes(size, r.text(4));
  const auto head = tree_head::parse(r.text(3));
  if (!tree || !head || head->size != size || head->origin != origin_ ||
      tree->root() != head->root || as_view(head->root) != r.text(1)) {
    return damaged("The newest checkpoint, of " + std::to_string(size) +
                   " records, does not agree with the stored tree");
  }
  const auto present = db_.query("SELECT coalesce(max(seq), 0) FROM record");
  if (!present) {
    return present.error();
  }
  if ((*present)[0].number(0) < size) {
    return damaged("The newest checkpoint signs " + std::to_string(size) +
                   " records, but the last one stored is " + (*present)[0].text(0));
  }
  checkpoint c;
  c.size = size;
  c.root = head->root;
  c.time = timestamp(std::chrono::microseconds(r.integer(2)));
  c.note = r.text(3);
  last_time_ = c.time;
  tree_ = *std::move(tree);
  newest_ = std::move(c);
  return {};
}

result<void> record_log::catch_up() {
  std::string last_header;
  while (true) {
    const auto rows = db_.query("SELECT seq, header, leaf FROM record WHERE seq > ? "
                                "ORDER BY seq LIMIT ?",
                                {static_cast<std::int64_t>(tree_.size()), catch_up_step});
    if (!rows) {
      return rows.error();
    }
    for (const auto& r : *rows) {
      const auto header = r.text(1);
      const auto leaf = leaf_hash(header);
      if (r.number(0) != tree_.size() + 1) {
        return damaged("Record " + std::to_string(tree_.size() + 1) + " is missing");
      }
      if (as_view(leaf) != r.text(2)) {
        return damaged("Record " + r.text(0) + " was changed");
      }
      tree_.push(leaf);
      last_header = header;
    }
    if (static_cast<std::int64_t>(rows->size()) < catch_up_step) {
      break;
    }
  }
  if (!last_header.empty()) {
    const auto header = parse_json(last_header);
    const auto time = header ? parse_rfc3339(text_or(*header, "time"))
                             : result<timestamp>(header.error());
    if (!time) {
      return damaged("Record " + std::to_string(tree_.size()) + " cannot be read");
    }
    last_time_ = std::max(last_time_, *time);
  }
  return {};
}

result<void> record_log::check_signature(const verification_key& key) const {
  if (newest_ && !open_note(newest_->note, key)) {
    return damaged("The newest checkpoint, of " + std::to_string(newest_->size) +
                   " records, is not signed by the key in ledger.key");
  }
  return {};
}

result<record_log::channel*> record_log::channel_of(const std::string& key,
                                                    const record& r) {
  const auto found = channels_.find(key);
  if (found != channels_.end()) {
    return &found->second;
  }
  const auto rows = db_.query("SELECT last FROM channel WHERE source = ? AND target = ?",
                              {r.source, r.target});
  if (!rows) {
    return rows.error();
  }
  channel c;
  c.last = rows->empty() ? 0 : rows->front().number(0);
  return &channels_.emplace(key, c).first->second;
}

result<std::uint64_t> record_log::append(const record& r, timestamp now) {
  stamp s{last_seq() + 1, 0, now, origin_};
  std::string key;
  channel* on = nullptr;
  if (on_channel(r)) {
    key.reserve(r.source.size() + 1 + r.target.size());
    key.append(r.source).push_back(key_separator);
    key.append(r.target);
    const auto found = channel_of(key, r);
    if (!found) {
      return found.error();
    }
    on = *found;
    s.channel_seq = on->last + 1;
  }
  const auto header = make_header(r, s);
  if (!header) {
    return header.error();
  }
  const auto leaf = leaf_hash(*header);
  insert_record_.bind(1, s.seq);
  insert_record_.bind(2, r.kind);
  if (r.case_id.empty()) {
    insert_record_.bind_null(3);
  } else {
    insert_record_.bind(3, r.case_id);
  }
  insert_record_.bind(4, *header);
  insert_record_.bind_bytes(5, bytes_of(leaf));
  if (auto inserted = db_.run(insert_record_); !inserted) {
    return inserted.error();
  }
  if (!r.body.empty()) {
    insert_body_.bind(1, s.seq);
    insert_body_.bind_bytes(2, r.body);
    if (auto inserted = db_.run(insert_body_); !inserted) {
      return inserted.error();
    }
  }
  if (on != nullptr) {
    fresh_channels_.push_back({key, on->last});
    on->last = s.channel_seq;
    if (!on->changed) {
      on->changed = true;
      changed_channels_.push_back(key);
    }
  }
  fresh_leaves_.push_back(leaf);
  if (feed_ != nullptr) {
    feed_->appended(r, s.seq, *header);
  }
  return s.seq;
}

void record_log::keep() {
  for (const auto& leaf : fresh_leaves_) {
    tree_.push(leaf);
  }
  fresh_leaves_.clear();
  fresh_channels_.clear();
}

void record_log::discard() {
  // Backwards, so that the oldest number of a channel used twice is what remains.
  for (auto it = fresh_channels_.rbegin(); it != fresh_channels_.rend(); ++it) {
    channels_[it->key].last = it->last;
  }
  fresh_leaves_.clear();
  fresh_channels_.clear();
  if (feed_ != nullptr) {
    feed_->forget_after(last_seq());
  }
}

result<void> record_log::flush() {
  for (const auto& key : changed_channels_) {
    auto& c = channels_[key];
    c.changed = false;
    if (c.last == 0) {
      continue; // only a discarded unit used it
    }
    const auto cut = key.find(key_separator);
    put_channel_.bind(1, std::string_view(key).substr(0, cut));
    put_channel_.bind(2, std::string_view(key).substr(cut + 1));
    put_channel_.bind(3, c.last);
    if (auto r = db_.run(put_channel_); !r) {
      return r;
    }
  }
  changed_channels_.clear();
  if (channels_.size() > channels_max) {
    channels_.clear();
  }
  return {};
}

result<checkpoint> record_log::sign(const signing_key& key, timestamp now) {
  checkpoint c;
  c.size = tree_.size();
  c.root = tree_.root();
  c.time = now;
  auto note = key.sign(tree_head{origin_, c.size, c.root}.text());
  if (!note) {
    return note.error();
  }
  c.note = *std::move(note);
  const auto bytes = tree_.bytes();
  put_checkpoint_.bind(1, c.size);
  put_checkpoint_.bind_bytes(2, bytes_of(c.root));
  put_checkpoint_.bind(3, static_cast<std::uint64_t>(now.time_since_epoch().count()));
  put_checkpoint_.bind(4, c.note);
  put_checkpoint_.bind_bytes(5, bytes);
  if (auto r = db_.run(put_checkpoint_); !r) {
    return r.error();
  }
  newest_ = c;
  return c;
}

} // namespace crossdock::ledger
