/// What a signature's trusted comment says the file is: "id=acme.pricing version=1.2.0
/// sha256=...". It stops a signed file from being passed off as another one.
#pragma once

#include "base/error.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace crossdock::trust {

struct claim {
  std::string id;
  std::string version;
  std::string sha256; ///< lower-case hexadecimal

  /// The comment to sign; docs/how-to/sign-and-stage.md hands it to `minisign -t`.
  std::string comment() const;
  /// Reads a comment: words NAME=VALUE between blanks or tabs, of which other names are left
  /// alone. Errors: malformed, if one of the three is missing or there twice.
  static result<claim> parse(std::string_view comment);
  /// Each difference between what was signed (this) and what the file is, as a sentence.
  std::vector<std::string> differences(const claim& file) const;
};

} // namespace crossdock::trust
