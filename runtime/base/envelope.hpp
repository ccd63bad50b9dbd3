/// What travels: a CloudEvents 1.0 event with the attributes crossdock adds to it.
#pragma once

#include "base/clock.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace crossdock {

/// Immutable once shared. Attribute names follow CloudEvents 1.0 (`id`, `source`, `type`,
/// `subject`, `time`, `datacontenttype`, `dataschema`); the rest are its extensions.
struct envelope {
  std::string id;          ///< unique within source
  std::string source;      ///< component or connector, stamped by the host: "order", "sql:sim"
  std::string type;        ///< topic, question or tool: "order.line"
  std::string subject;     ///< the partition key: "SKU-1@B1"
  timestamp time;          ///< when it was made
  std::string dataschema;  ///< "order.line/1"
  std::string data;        ///< UTF-8 JSON, always application/json
  /// `data` as it was parsed when it was checked, if whoever made the envelope had it at hand.
  std::shared_ptr<const json> document;
  std::string tenant;
  std::string site;
  std::string case_id;     ///< correlation; empty outside a case
  std::string traceparent; ///< W3C trace context; empty if none
  std::vector<std::string> labels;    ///< sorted: untrusted, personal, confidential
  std::vector<std::uint64_t> causes;  ///< ledger numbers of what led to it
};

using envelope_ptr = std::shared_ptr<const envelope>;

/// The document of an envelope; parsed from `data` if it is not there. Errors: as parse_json.
result<std::shared_ptr<const json>> document_of(const envelope& e,
                                                const json_limits& limits = {});

/// Structured-mode CloudEvents JSON; data is embedded as JSON.
json to_json(const envelope& e);
/// The text of it. `data` is embedded as it stands: the caller knows that it is JSON.
std::string to_text(const envelope& e);
/// Errors: schema (a required attribute is missing or of the wrong type).
result<envelope> envelope_from_json(const json& value);

} // namespace crossdock
