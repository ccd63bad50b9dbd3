#include "ledger/quick_check.hpp"

#include "ledger/key_file.hpp"
#include "ledger/signed_note.hpp"
#include "ledger/sqlite.hpp"

namespace crossdock::ledger {

result<quick_look> look_at(const std::filesystem::path& directory) {
  const auto file = directory / "ledger.db";
  const auto named = [&](error e) { return std::move(e).at("file", file.string()); };
  auto db = open_reader(file);
  if (!db) {
    return std::move(db).error();
  }
  quick_look out;
  auto rooms =
      (*db)->query("SELECT room, max(version) FROM schema_version GROUP BY room");
  if (!rooms) {
    return named(std::move(rooms).error());
  }
  for (const auto& r : *rooms) {
    out.versions[r.text(0)] = static_cast<int>(r.integer(1));
  }
  auto rows = (*db)->query("SELECT coalesce(max(seq), 0) FROM record");
  if (!rows) {
    return named(std::move(rows).error());
  }
  out.records = rows->front().number(0);
  auto newest =
      (*db)->query("SELECT size, time, note FROM checkpoint ORDER BY size DESC LIMIT 1");
  if (!newest) {
    return named(std::move(newest).error());
  }
  if (newest->empty()) {
    return out;
  }
  const auto key = load_public_key(directory);
  if (!key) {
    return key.error();
  }
  const auto& row = newest->front();
  auto text = open_note(row.text(2), *key);
  if (!text) {
    return named(std::move(text).error());
  }
  const auto head = tree_head::parse(*text);
  if (!head || head->size != row.number(0)) {
    return named(
        error(errc::corrupt, "the newest checkpoint does not say what its row says"));
  }
  out.covered = head->size;
  out.signed_at = timestamp(std::chrono::microseconds(row.integer(1)));
  return out;
}

} // namespace crossdock::ledger
