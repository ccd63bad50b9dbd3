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
  std::string tenant;
  std::string site;
  std::string case_id;     ///< correlation; empty outside a case
  std::string traceparent; ///< W3C trace context; empty if none
  std::vector<std::string> labels;    ///< sorted: untrusted, personal, confidential
  std::vector<std::uint64_t> causes;  ///< ledger numbers of what led to it
};

using envelope_ptr = std::shared_ptr<const envelope>;

/// Structured-mode CloudEvents JSON; data is embedded as JSON.
json to_json(const envelope& e);
/// Errors: schema (a required attribute is missing or of the wrong type).
result<envelope> envelope_from_json(const json& value);

} // namespace crossdock
