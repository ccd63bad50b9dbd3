/// Connections to the endpoints that an operator granted; plugins make none themselves.
#pragma once

#include "base/error.hpp"

#include <string>
#include <string_view>

namespace crossdock::host {

/// A connected stream socket to "host:port", "[address]:port" or "/path/of.socket",
/// within 5 s. The caller closes it. Errors: invalid (no such form), unavailable,
/// timeout; each names the address.
result<int> connect_to(const std::string& address);

/// What is put on record when a plugin asks for one that it was not granted.
std::string ungranted_endpoint(std::string_view name);

/// Whether `address` has one of the forms. Errors: invalid.
result<void> check_address(const std::string& address);

} // namespace crossdock::host
