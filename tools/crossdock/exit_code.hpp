/// What the process tells the shell. docs/reference/cli.md lists them for users.
#pragma once

#include "base/error.hpp"

namespace crossdock::cli {

enum class exit_code : int {
  ok = 0,
  warned = 1,      ///< doctor, policy check and diff: nothing is broken, something to look at
  usage = 2,       ///< wrong words on the command line
  bad_input = 3,   ///< an argument, a file or a configuration makes no sense
  denied = 4,      ///< refused: not allowed
  not_found = 5,   ///< no such case, approval, file, ...
  conflict = 6,    ///< somebody was first, or it has moved on
  unreachable = 7, ///< no node answers
  unverified = 8,  ///< the ledger does not hold
  unhealthy = 9,   ///< doctor: something is broken
  internal = 70    ///< reading or writing failed, or a promise of ours does not hold
};

inline exit_code exit_code_of(errc code) noexcept {
  switch (code) {
  case errc::invalid:
  case errc::malformed:
  case errc::schema:
  case errc::limit:
  case errc::version:
    return exit_code::bad_input;
  case errc::denied:
    return exit_code::denied;
  case errc::not_found:
    return exit_code::not_found;
  case errc::conflict:
  case errc::exists:
  case errc::busy:
    return exit_code::conflict;
  case errc::unavailable:
  case errc::timeout:
    return exit_code::unreachable;
  case errc::corrupt:
    return exit_code::unverified;
  case errc::io:
  case errc::disk_full:
  case errc::cancelled:
  case errc::plugin:
  case errc::internal:
    break;
  }
  return exit_code::internal;
}

} // namespace crossdock::cli
