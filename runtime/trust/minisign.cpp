#include "trust/minisign.hpp"

#include "base/base64.hpp"

#include <blake2.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace crossdock::trust {
namespace {

constexpr std::string_view untrusted_mark = "untrusted comment: ";
constexpr std::string_view trusted_mark = "trusted comment: ";
constexpr std::size_t comment_bytes_max = 8192; // minisign's own limit
constexpr std::size_t file_bytes_max = 16u << 10;
/// What minisign itself uses for a key with a password; more is nobody's honest key.
constexpr std::uint64_t scrypt_memory_max = 1ull << 30;
/// Scrypt with N = 2^17, r = 8, p = 1 (OWASP's recommendation of 2023) in libsodium's words.
constexpr std::uint64_t scrypt_operations = 4194304;
constexpr std::uint64_t scrypt_memory = 128u << 20;

struct free_key {
  void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
};
struct free_context {
  void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
};
struct free_kdf {
  void operator()(EVP_KDF* k) const { EVP_KDF_free(k); }
};
struct free_kdf_context {
  void operator()(EVP_KDF_CTX* c) const { EVP_KDF_CTX_free(c); }
};
using key_ptr = std::unique_ptr<EVP_PKEY, free_key>;
using context_ptr = std::unique_ptr<EVP_MD_CTX, free_context>;

const unsigned char* bytes(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

template <std::size_t N>
std::string_view view(const std::array<std::uint8_t, N>& a) {
  return {reinterpret_cast<const char*>(a.data()), N};
}

/// Text that holds a secret is wiped when it goes.
struct secret_text {
  std::string text;
  ~secret_text() { OPENSSL_cleanse(text.data(), text.size()); }
};

/// Of exactly `size` bytes; only the one text that encodes back to itself, so that no two texts are
/// one signature.
std::optional<std::string> from_base64(std::string_view text, std::size_t size) {
  auto out = crossdock::from_base64(text);
  return out && out->size() == size ? out : std::nullopt;
}

/// Lines without their ends; what follows the last line feed is a line only if it is not empty.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    out.push_back(line);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
  }
  return out;
}

template <std::size_t N>
void take(std::string_view& from, std::array<std::uint8_t, N>& to) {
  std::memcpy(to.data(), from.data(), N);
  from.remove_prefix(N);
}

std::uint64_t take_le64(std::string_view& from) {
  std::uint64_t out = 0;
  for (std::size_t i = 8; i-- > 0;) {
    out = out << 8 | static_cast<std::uint8_t>(from[i]);
  }
  from.remove_prefix(8);
  return out;
}

std::string le64(std::uint64_t value) {
  std::string out;
  for (int i = 0; i < 8; ++i) {
    out += static_cast<char>(value >> (8 * i) & 0xff);
  }
  return out;
}

bool ed25519_verifies(const public_key& key, std::string_view message,
                      std::string_view signature) {
  const key_ptr k(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                              key.ed25519.data(), key.ed25519.size()));
  const context_ptr c(EVP_MD_CTX_new());
  return k && c && EVP_DigestVerifyInit(c.get(), nullptr, nullptr, nullptr, k.get()) == 1 &&
         EVP_DigestVerify(c.get(), bytes(signature), signature.size(), bytes(message),
                          message.size()) == 1;
}

/// The check sum of a secret key. OpenSSL 3.0 knows BLAKE2b with 64 bytes alone.
std::array<std::uint8_t, 32> blake2b_256(std::string_view text) {
  std::array<std::uint8_t, 32> out{};
  ::blake2b(out.data(), text.data(), nullptr, out.size(), text.size(), 0);
  return out;
}

std::optional<std::array<std::uint8_t, 64>> prehash(std::string_view file) {
  std::array<std::uint8_t, 64> out{};
  unsigned size = 0;
  if (EVP_Digest(file.data(), file.size(), out.data(), &size, EVP_blake2b512(), nullptr) != 1 ||
      size != out.size()) {
    return std::nullopt;
  }
  return out;
}

/// libsodium's pickparams() of crypto_pwhash_scryptsalsa208sha256: what a key file's two
/// limits mean as N and p; r is 8.
struct scrypt_parameters {
  std::uint64_t n = 2;
  std::uint64_t p = 1;
};

scrypt_parameters parameters_of(std::uint64_t operations, std::uint64_t memory) {
  constexpr std::uint64_t r = 8;
  operations = std::max<std::uint64_t>(operations, 32768);
  const bool few = operations < memory / 32;
  const auto n_max = few ? operations / (r * 4) : memory / (r * 128);
  scrypt_parameters out;
  std::uint64_t log = 1;
  while (log < 63 && (1ull << log) <= n_max / 2) {
    ++log;
  }
  out.n = 1ull << log;
  if (!few) {
    out.p = std::min<std::uint64_t>(operations / 4 / out.n, 0x3fffffff) / r;
  }
  return out;
}

constexpr std::size_t encrypted_bytes = 8 + 64 + 32; ///< key id, key, check sum

/// XORs the key stream that the password makes over `data`.
result<void> encrypt(std::string& data, std::string_view password, std::string_view salt,
                     std::uint64_t operations, std::uint64_t memory) {
  const auto params = parameters_of(operations, memory);
  if (memory > scrypt_memory_max || params.n * 8 * 128 > scrypt_memory_max || params.p == 0 ||
      params.p > 16) {
    return error(errc::limit, "the secret key asks for more than 1 GiB of memory or too much "
                              "work to be decrypted");
  }
  std::unique_ptr<EVP_KDF, free_kdf> kdf(EVP_KDF_fetch(nullptr, "SCRYPT", nullptr));
  std::unique_ptr<EVP_KDF_CTX, free_kdf_context> c(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
  std::uint64_t n = params.n;
  std::uint32_t r = 8;
  auto p = static_cast<std::uint32_t>(params.p);
  std::uint64_t memory_max = scrypt_memory_max + (64u << 20);
  secret_text pass{std::string(password)};
  std::string salt_copy(salt);
  const OSSL_PARAM settings[] = {
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, pass.text.data(),
                                        pass.text.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt_copy.data(),
                                        salt_copy.size()),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory_max),
      OSSL_PARAM_construct_end()};
  secret_text stream{std::string(data.size(), '\0')};
  if (!c || EVP_KDF_derive(c.get(), reinterpret_cast<unsigned char*>(stream.text.data()),
                           stream.text.size(), settings) != 1) {
    return error(errc::internal, "OpenSSL cannot compute scrypt: is there enough memory?");
  }
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i] = static_cast<char>(data[i] ^ stream.text[i]);
  }
  return {};
}

error no_signature(const char* why) {
  return error(errc::malformed, std::string("this is no minisign signature: ") + why);
}

error no_secret_key(const char* why) {
  return error(errc::malformed, std::string("this is no minisign secret key: ") + why);
}

} // namespace

std::string key_id_text(const key_id& id) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (std::size_t i = id.size(); i-- > 0;) {
    out += digits[id[i] >> 4];
    out += digits[id[i] & 15];
  }
  return out;
}

result<key_id> key_id_from_text(std::string_view text) {
  if (text.empty() || text.size() > 16 ||
      text.find_first_not_of("0123456789abcdefABCDEF") != text.npos) {
    return error(errc::malformed, "a key id has 16 hexadecimal digits");
  }
  const auto raw = le64(std::stoull(std::string(text), nullptr, 16));
  key_id out{};
  std::memcpy(out.data(), raw.data(), out.size());
  return out;
}

// -- public keys -----------------------------------------------------------------------------

result<public_key> public_key::parse(std::string_view text) {
  const auto lines = lines_of(text.substr(0, file_bytes_max));
  std::string_view line;
  if (lines.size() == 1) {
    line = lines[0];
  } else if (lines.size() == 2 && lines[0].starts_with(untrusted_mark)) {
    line = lines[1];
  }
  const auto raw = from_base64(line, 2 + 8 + 32);
  if (!raw || !raw->starts_with("Ed")) {
    return error(errc::malformed,
                 "this is no minisign public key: one line of 56 characters that begins "
                 "with RW is expected");
  }
  std::string_view rest(*raw);
  rest.remove_prefix(2);
  public_key out;
  take(rest, out.id);
  take(rest, out.ed25519);
  return out;
}

std::string public_key::line() const {
  return to_base64("Ed" + std::string(view(id)) + std::string(view(ed25519)));
}

std::string public_key::str() const {
  return std::string(untrusted_mark) + "minisign public key " + key_id_text(id) + "\n" + line() +
         "\n";
}

// -- signatures ------------------------------------------------------------------------------

result<signature> signature::parse(std::string_view text) {
  if (text.size() > file_bytes_max) {
    return error(errc::limit, "this is no minisign signature: it is larger than 16 KiB");
  }
  const auto lines = lines_of(text);
  if (lines.size() != 4) {
    return no_signature("it has not four lines");
  }
  if (!lines[0].starts_with(untrusted_mark)) {
    return no_signature("its first line does not begin with \"untrusted comment: \"");
  }
  if (!lines[2].starts_with(trusted_mark)) {
    return no_signature("its third line does not begin with \"trusted comment: \"");
  }
  const auto raw = from_base64(lines[1], 2 + 8 + 64);
  if (!raw || (!raw->starts_with("ED") && !raw->starts_with("Ed"))) {
    return no_signature("its second line does not hold an Ed25519 signature");
  }
  const auto global = from_base64(lines[3], 64);
  if (!global) {
    return no_signature("its fourth line does not hold a signature of the comment");
  }
  signature out;
  out.comment = lines[2].substr(trusted_mark.size());
  if (out.comment.size() > comment_bytes_max) {
    return no_signature("its trusted comment is longer than 8 KiB");
  }
  out.prehashed = raw->starts_with("ED");
  std::string_view rest(*raw);
  rest.remove_prefix(2);
  take(rest, out.id);
  take(rest, out.of_file);
  rest = *global;
  take(rest, out.of_comment);
  return out;
}

std::string signature::str(std::string_view untrusted_comment) const {
  return std::string(untrusted_mark) + std::string(untrusted_comment) + "\n" +
         to_base64((prehashed ? "ED" : "Ed") + std::string(view(id)) +
                   std::string(view(of_file))) +
         "\n" + std::string(trusted_mark) + comment + "\n" + to_base64(view(of_comment)) + "\n";
}

result<void> verify(const public_key& key, std::string_view file, const signature& s) {
  if (s.id != key.id) {
    return error(errc::denied, "the signature is by key " + key_id_text(s.id) + ", not by " +
                                 key_id_text(key.id));
  }
  std::array<std::uint8_t, 64> hash{};
  if (s.prehashed) {
    const auto h = prehash(file);
    if (!h) {
      return error(errc::internal, "OpenSSL cannot compute BLAKE2b-512");
    }
    hash = *h;
  }
  if (!ed25519_verifies(key, s.prehashed ? view(hash) : file, view(s.of_file))) {
    return error(errc::denied, "the signature does not fit the file's bytes: the file or the "
                               "signature was changed, or they do not belong together");
  }
  if (!ed25519_verifies(key, std::string(view(s.of_file)) + s.comment, view(s.of_comment))) {
    return error(errc::denied, "the signature's trusted comment was changed");
  }
  return {};
}

// -- secret keys -----------------------------------------------------------------------------

secret_key::~secret_key() {
  OPENSSL_cleanse(seed_and_public_.data(), seed_and_public_.size());
}

result<secret_key> secret_key::generate() {
  secret_key out;
  if (RAND_bytes(out.id_.data(), static_cast<int>(out.id_.size())) != 1 ||
      RAND_priv_bytes(out.seed_and_public_.data(), 32) != 1) {
    return error(errc::internal, "the system gives no random bytes");
  }
  const key_ptr k(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                               out.seed_and_public_.data(), 32));
  std::size_t size = 32;
  if (!k ||
      EVP_PKEY_get_raw_public_key(k.get(), out.seed_and_public_.data() + 32, &size) != 1) {
    return error(errc::internal, "OpenSSL cannot make an Ed25519 key");
  }
  return out;
}

result<secret_key> secret_key::parse(std::string_view text, const password_source& password) {
  const auto lines = lines_of(text.substr(0, file_bytes_max));
  if (lines.size() != 2 || !lines[0].starts_with(untrusted_mark)) {
    return no_secret_key("two lines are expected, the first an untrusted comment");
  }
  auto raw = from_base64(lines[1], 2 + 2 + 2 + 32 + 8 + 8 + encrypted_bytes);
  if (!raw) {
    return no_secret_key("its second line has another length");
  }
  secret_text kept{*std::move(raw)};
  std::string_view rest(kept.text);
  const auto sign_with = rest.substr(0, 2);
  const auto encrypt_with = rest.substr(2, 2);
  const auto sum_with = rest.substr(4, 2);
  const auto salt = rest.substr(6, 32);
  rest.remove_prefix(38);
  const auto operations = take_le64(rest);
  const auto memory = take_le64(rest);
  const bool plain = encrypt_with == std::string_view("\0\0", 2);
  if (sign_with != "Ed" || sum_with != "B2" || (!plain && encrypt_with != "Sc")) {
    return no_secret_key("it is made for other algorithms");
  }
  secret_text inner{std::string(rest)};
  if (!plain) {
    auto pass = password ? password() : result<std::string>(error(
                                          errc::denied, "the secret key has a password"));
    if (!pass) {
      return std::move(pass).error();
    }
    secret_text wiped{*std::move(pass)};
    if (auto r = encrypt(inner.text, wiped.text, salt, operations, memory); !r) {
      return std::move(r).error();
    }
  }
  std::string_view clear(inner.text);
  secret_key out;
  take(clear, out.id_);
  take(clear, out.seed_and_public_);
  const auto sum = blake2b_256("Ed" + std::string(inner.text.substr(0, 8 + 64)));
  if (!plain && view(sum) != clear) {
    return error(errc::denied, "the password of the secret key is another");
  }
  // A public half that does not belong to the seed would give the seed away with two signatures.
  const key_ptr k(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                               out.seed_and_public_.data(), 32));
  std::array<std::uint8_t, 32> derived{};
  std::size_t size = derived.size();
  if (!k || EVP_PKEY_get_raw_public_key(k.get(), derived.data(), &size) != 1 ||
      !std::equal(derived.begin(), derived.end(), out.seed_and_public_.begin() + 32)) {
    return no_secret_key("its two halves do not belong together");
  }
  return out;
}

public_key secret_key::public_half() const {
  public_key out;
  out.id = id_;
  std::copy_n(seed_and_public_.begin() + 32, 32, out.ed25519.begin());
  return out;
}

result<std::string> secret_key::str(std::string_view password) const {
  secret_text inner{std::string(view(id_)) + std::string(view(seed_and_public_))};
  std::string header = "Ed";
  if (password.empty()) {
    header += std::string(2, '\0') + "B2" + std::string(32 + 8 + 8, '\0');
    inner.text += std::string(32, '\0'); // as minisign -W: no check sum without a password
  } else {
    std::array<std::uint8_t, 32> salt{};
    if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1) {
      return error(errc::internal, "the system gives no random bytes");
    }
    inner.text += view(blake2b_256("Ed" + inner.text));
    if (auto r = encrypt(inner.text, password, view(salt), scrypt_operations, scrypt_memory);
        !r) {
      return std::move(r).error();
    }
    header += "ScB2" + std::string(view(salt)) + le64(scrypt_operations) + le64(scrypt_memory);
  }
  return std::string(untrusted_mark) + "minisign encrypted secret key\n" +
         to_base64(header + inner.text) + "\n";
}

result<signature> secret_key::sign(std::string_view file, std::string_view comment,
                                   bool prehashed) const {
  if (comment.size() > comment_bytes_max ||
      std::any_of(comment.begin(), comment.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; })) {
    return error(errc::invalid, "a trusted comment is one line of at most 8 KiB without "
                                "control characters");
  }
  const key_ptr k(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                               seed_and_public_.data(), 32));
  const auto sign_one = [&](std::string_view message, std::array<std::uint8_t, 64>& to) {
    const context_ptr c(EVP_MD_CTX_new());
    std::size_t size = to.size();
    return k && c && EVP_DigestSignInit(c.get(), nullptr, nullptr, nullptr, k.get()) == 1 &&
           EVP_DigestSign(c.get(), to.data(), &size, bytes(message), message.size()) == 1 &&
           size == to.size();
  };
  signature out;
  out.prehashed = prehashed;
  out.id = id_;
  out.comment = comment;
  const auto hash = prehash(file);
  if (!hash || !sign_one(prehashed ? view(*hash) : file, out.of_file) ||
      !sign_one(std::string(view(out.of_file)) + out.comment, out.of_comment)) {
    return error(errc::internal, "OpenSSL cannot sign");
  }
  return out;
}

} // namespace crossdock::trust
