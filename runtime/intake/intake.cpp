#include "intake/intake.hpp"

#include "base/digest.hpp"

namespace crossdock::intake {
namespace {

constexpr const char* schema_1 = R"sql(
CREATE TABLE inbox(
  source TEXT NOT NULL,
  event_id TEXT NOT NULL,
  digest TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY(source, event_id)
) STRICT, WITHOUT ROWID;
)sql";

} // namespace

desk::desk(std::shared_ptr<const catalogue> words,
           std::shared_ptr<dispatch::exchange> exchange)
  : words_(std::move(words)), exchange_(std::move(exchange)) {}

std::vector<ledger::migration> desk::migrations() { return {{"intake", 1, schema_1}}; }

result<admission> desk::admit(ledger::transaction& tx, envelope e) const {
  const auto refuse = [&](errc code, const std::string& reason) -> result<admission> {
    auto seq = exchange_->refuse(tx, "intake", e, code, reason);
    if (!seq) {
      return std::move(seq).error();
    }
    return admission{outcome::refused, *seq, reason};
  };

  if (e.id.empty()) {
    return refuse(errc::schema, "an event from outside needs an id, by which repeats are known");
  }
  const auto digest = to_hex(sha256_of(e.data));
  auto seen = tx.db().query("SELECT digest, seq FROM inbox WHERE source = ? AND event_id = ?",
                            {e.source, e.id});
  if (!seen) {
    return std::move(seen).error();
  }
  if (!seen->empty()) {
    if (seen->front().text(0) == digest) {
      return admission{outcome::repeated, seen->front().number(1), ""};
    }
    return refuse(errc::conflict, "the id " + e.id + " came before with another body (record " +
                                    std::to_string(seen->front().number(1)) + ")");
  }

  const auto document = document_of(e);
  if (!document) {
    return refuse(document.error().code(), document.error().describe());
  }
  const auto* payload = document->get();
  e.document = *document;
  const auto* entry = words_->find(e.type);
  if (entry == nullptr || entry->kind != entry_kind::topic) {
    return refuse(errc::not_found, "the catalogue has no topic \"" + e.type + "\"");
  }
  if (auto valid = words_->check(e.type, *payload); !valid) {
    return refuse(errc::schema, valid.error().describe());
  }
  e.dataschema = e.type + "/" + std::to_string(entry->version);
  if (e.subject.empty()) {
    e.subject = apply_key(entry->key, *payload);
  }
  for (const auto& pointer : entry->untrusted) {
    if (find_pointer(*payload, pointer) != nullptr) {
      e.labels.emplace_back("untrusted");
      break;
    }
  }
  const auto source = e.source;
  const auto id = e.id;
  auto seq = exchange_->publish(tx, std::move(e), ledger::record_class::a);
  if (!seq) {
    return std::move(seq).error();
  }
  auto noted = tx.db().exec("INSERT INTO inbox(source, event_id, digest, seq) VALUES(?,?,?,?)",
                            {source, id, digest, static_cast<std::int64_t>(*seq)});
  if (!noted) {
    return std::move(noted).error();
  }
  return admission{outcome::accepted, *seq, ""};
}

} // namespace crossdock::intake
