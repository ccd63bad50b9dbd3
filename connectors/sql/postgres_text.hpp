/// What can be said about PostgreSQL's statements, codes and values without a server.
#pragma once

#include "driver.hpp"

namespace crossdock::sql {

/// A statement whose parameters became $1, $2, ... in the order in which they stand.
/// A name that stands twice has two numbers, so that the server finds out the type of
/// each place by itself: `:site IS NULL OR site_id = :site` needs no cast.
struct positional {
  std::string sql;
  std::vector<std::string> names; ///< of $1, $2, ...
};
positional with_positions(std::string_view text);

/// True if there is nothing in it but blanks and comments.
bool is_empty(std::string_view text);
/// By its words; FOR UPDATE reads. What words hide (a function that writes) the server
/// refuses, because reads run in read-only transactions.
bool only_reads(std::string_view text);

/// The kind of trouble an SQLSTATE means, before anything was committed.
trouble trouble_of(std::string_view sqlstate);

/// A value in the text form of a type, by the type's number (pg_type.oid): whole numbers,
/// floating point and truth values are themselves; NUMERIC stays text, digit for digit;
/// TIMESTAMPTZ of a session in UTC becomes RFC 3339; everything else is text.
value postgres_value(std::uint32_t type, std::string_view text);

} // namespace crossdock::sql
