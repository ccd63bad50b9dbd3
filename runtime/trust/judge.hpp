/// Whether a plugin file may be loaded, on whose word, with which highest rights, how isolated.
/// A pure function of the bytes and of what the operator wrote.
#pragma once

#include "trust/history.hpp"
#include "trust/trust_file.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::trust {

/// What the operator's lock says of one exact file.
struct allowance {
  bool in_process = false;
};
/// By SHA-256, lower-case hexadecimal.
using hash_list = std::map<std::string, allowance>;

struct named_signature {
  std::string file; ///< for messages
  std::string text;
};

/// Everything that is judged; the bytes are the ones that will be mapped.
struct candidate {
  std::string file; ///< for messages
  std::string_view bytes;
  json manifest;
  std::vector<named_signature> signatures;
};

/// What a person says on the command line of `stage`.
struct overrides {
  std::string downgrade_reason;  ///< empty: an older version is refused
  std::string wider_accepted_by; ///< empty: a wider manifest is refused
};

struct signer {
  std::string key;    ///< its name in the trust file
  std::string key_id; ///< 16 hexadecimal digits
  role as = role::vendor;
};

struct verdict {
  enum class standing { refused, listed, signed_by } how = standing::refused;
  std::string file;
  std::string sha256;
  std::string id;
  std::string version;
  std::vector<std::string> reasons; ///< why it is refused, each a sentence; empty: admitted
  std::vector<std::string> notes;   ///< what an operator may want to know nevertheless
  std::vector<signer> signers;      ///< whose signatures hold
  cap highest;                      ///< nothing, if it is refused
  bool may_run_in_process = false;  ///< if it is configured so
  bool runs_in_process = false;     ///< if nothing is configured

  bool admitted() const { return how != standing::refused; }
  /// "signed by acme (0073D9CC84145968)", "in the list of allowed files", "refused".
  std::string standing_text() const;
  /// All reasons in one sentence.
  std::string why() const;
  /// {standing, sha256, id, version, signers, reasons, notes, in_process}
  json to_json() const;
};

/// `trusted` may be null: then the list alone decides, as without any trust file.
///
///  - A file whose signatures are by enough trusted, unexpired keys that cover its id, and whose
///    trusted comments name this id, version and SHA-256, is admitted with the common part of
///    those keys' caps, unless it is older than what was here before or asks for more.
///    A further signature by a key that is not in the trust file is noted and counts for nothing.
///  - A file that is in the list is admitted, signed or not: the operator named these bytes.
///  - A revoked file, a signature of a revoked key, a trusted key's signature that does not fit
///    and a comment that names another file are refused in any case.
verdict judge(const candidate& what, const trust_file* trusted, const hash_list& listed,
              const history& before, timestamp now, const overrides& person = {});

} // namespace crossdock::trust
