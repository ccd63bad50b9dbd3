/// Tryton 6.0's JSON-RPC on the wire: its encodings, and what an answer means.
///
/// Pure functions without a socket, so that every shape can be tested from a recording.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <crossdock/decimal.hpp>
#include <crossdock/json.hpp>

namespace crossdock::tryton {

using sdk::decimal;
using sdk::json;
using sdk::outcome;

// -- encodings --------------------------------------------------------------------------

/// {"__class__": "date", ...} for "2026-03-02". Throws std::invalid_argument.
json encode_date(std::string_view iso);
/// {"__class__": "datetime", ...} for "2026-03-02T10:15:00.25Z"; only UTC is accepted.
json encode_instant(std::string_view rfc3339);
/// "2026-03-02" of a date or datetime, "" of null.
std::string date_of(const json& value);
/// "2026-03-02T10:15:00.250000Z" of a datetime (Tryton's are naive UTC), "" of null.
std::string instant_of(const json& value);
/// The number in a float, an integer, a Decimal object or null (zero). Rounded to the six
/// digits that the catalogue allows. Throws std::invalid_argument.
decimal number_of(const json& value);
/// The whole days of a timedelta, rounded up; `otherwise` of null.
int days_of(const json& value, int otherwise);

/// "2026-03-02" `days` later (or earlier).
std::string plus_days(std::string_view iso, int days);
/// RFC 3339 in UTC, whole seconds, from a Unix time.
std::string instant_text(std::int64_t unix_seconds);
/// "2026-03-02T10:15:00Z" `seconds` earlier.
std::string minus_seconds(std::string_view rfc3339, std::int64_t seconds);

// -- answers
// ------------------------------------------------------------------------------

/// What became of one HTTP exchange.
struct http_reply {
  enum class fate {
    answered,  ///< status and body are the server's
    not_sent,  ///< no connection: certainly nothing happened
    lost,      ///< sent, and no complete answer came: perhaps it happened
    too_large, ///< answered, with more than the permitted bytes
  };
  fate what = fate::not_sent;
  long status = 0;
  std::string body;
  std::int64_t date = 0; ///< the server's clock (Date header, Unix seconds), 0 if unsaid
  std::string error;
};

/// What the call did, in the connector's words.
struct answer {
  outcome result = outcome::ok;
  json value;          ///< of ok
  std::string text;    ///< for a person, of everything else
  std::string warning; ///< the name Tryton gives the question, of needs_person
};

/// How the answer of a call that may have written differs from one that only read.
enum class access { read, write };

/// Judges one exchange. HTTP status alone decides nothing: Tryton reports most errors
/// with 200 and an `error` member.
answer classify(const http_reply& reply, access how);

/// The failed call as an exception, for code that composes several calls.
class failure : public std::runtime_error {
public:
  failure(outcome result, const std::string& text, std::string warning = {})
      : std::runtime_error{text}, result_{result}, warning_{std::move(warning)} {}
  outcome result() const noexcept { return result_; }
  /// The name of the question Tryton asks, of needs_person.
  const std::string& warning() const noexcept { return warning_; }

private:
  outcome result_;
  std::string warning_;
};

} // namespace crossdock::tryton
