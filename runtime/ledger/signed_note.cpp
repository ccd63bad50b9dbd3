#include "ledger/signed_note.hpp"

#include "base/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

namespace crossdock::ledger {
namespace {

/// signed-note: signature type 0x01 is Ed25519.
constexpr char ed25519_type = 0x01;
constexpr std::string_view private_prefix = "PRIVATE+KEY+";
/// U+2014 and a blank begin every signature line.
constexpr std::string_view signature_mark = "\xe2\x80\x94 ";

struct free_key {
  void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
};
struct free_context {
  void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
};
using key_ptr = std::unique_ptr<EVP_PKEY, free_key>;
using context_ptr = std::unique_ptr<EVP_MD_CTX, free_context>;

const unsigned char* bytes(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

std::string_view view(const ed25519_bytes& b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}

std::string with_type(std::string_view raw) {
  return ed25519_type + std::string(raw);
}

/// "NAME+HASH+BASE64" without its prefix; the name must be valid and the type Ed25519.
struct key_line {
  std::string name;
  std::string hash;
  ed25519_bytes bytes{};
};

std::optional<key_line> split_key_line(std::string_view line) {
  const auto first = line.find('+');
  const auto second = first == line.npos ? line.npos : line.find('+', first + 1);
  if (second == line.npos) {
    return std::nullopt;
  }
  key_line k;
  k.name = line.substr(0, first);
  k.hash = line.substr(first + 1, second - first - 1);
  const auto raw = from_base64(line.substr(second + 1));
  if (!valid_key_name(k.name) || !raw || raw->size() != 33 ||
      raw->front() != ed25519_type) {
    return std::nullopt;
  }
  std::copy_n(raw->begin() + 1, k.bytes.size(), reinterpret_cast<char*>(k.bytes.data()));
  return k;
}

std::string_view without_newline(std::string_view line) {
  return line.ends_with('\n') ? line.substr(0, line.size() - 1) : line;
}

} // namespace

bool valid_key_name(std::string_view name) {
  return !name.empty() && name.size() <= 200 &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != '+'; });
}

result<verification_key> verification_key::parse(std::string_view vkey) {
  const auto line = split_key_line(without_newline(vkey));
  if (!line) {
    return error(errc::malformed, "a verification key reads NAME+HASH+BASE64 (C2SP "
                                  "signed-note, Ed25519)");
  }
  verification_key k{line->name, line->bytes};
  if (to_hex(k.id()) != line->hash) {
    return error(errc::malformed,
                 "the verification key's hash does not belong to its name and key")
        .at("name", k.name);
  }
  return k;
}

std::string verification_key::str() const {
  return name + "+" + to_hex(id()) + "+" + to_base64(with_type(view(key)));
}

std::array<std::uint8_t, 4> verification_key::id() const {
  const auto digest = sha256_of(name + "\n" + with_type(view(key)));
  return {digest[0], digest[1], digest[2], digest[3]};
}

bool verification_key::verifies(std::string_view text, std::string_view signature) const {
  const key_ptr k(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  const context_ptr c(EVP_MD_CTX_new());
  return k && c &&
         EVP_DigestVerifyInit(c.get(), nullptr, nullptr, nullptr, k.get()) == 1 &&
         EVP_DigestVerify(c.get(), bytes(signature), signature.size(), bytes(text),
                          text.size()) == 1;
}

result<signing_key> signing_key::from_seed(std::string name, const ed25519_bytes& seed) {
  const key_ptr k(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  verification_key pub{std::move(name), {}};
  std::size_t length = pub.key.size();
  if (!k || EVP_PKEY_get_raw_public_key(k.get(), pub.key.data(), &length) != 1) {
    return error(errc::internal, "OpenSSL cannot make an Ed25519 key");
  }
  return signing_key(std::move(pub), seed);
}

result<signing_key> signing_key::parse(std::string_view line) {
  line = without_newline(line);
  const auto bad = [] {
    return error(errc::malformed, "a signing key reads PRIVATE+KEY+NAME+HASH+BASE64");
  };
  if (!line.starts_with(private_prefix)) {
    return bad();
  }
  const auto parts = split_key_line(line.substr(private_prefix.size()));
  if (!parts) {
    return bad();
  }
  auto key = from_seed(parts->name, parts->bytes);
  if (key && to_hex(key->public_key().id()) != parts->hash) {
    return bad();
  }
  return key;
}

std::string signing_key::str() const {
  return std::string(private_prefix) + public_.name + "+" + to_hex(public_.id()) + "+" +
         to_base64(with_type(view(seed_)));
}

result<std::string> signing_key::sign(std::string_view text) const {
  const key_ptr k(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed_.data(),
                                               seed_.size()));
  const context_ptr c(EVP_MD_CTX_new());
  std::array<unsigned char, 64> signature{};
  std::size_t length = signature.size();
  if (!k || !c || EVP_DigestSignInit(c.get(), nullptr, nullptr, nullptr, k.get()) != 1 ||
      EVP_DigestSign(c.get(), signature.data(), &length, bytes(text), text.size()) != 1) {
    return error(errc::internal, "OpenSSL cannot sign");
  }
  const auto id = public_.id();
  std::string raw(reinterpret_cast<const char*>(id.data()), id.size());
  raw.append(reinterpret_cast<const char*>(signature.data()), length);
  return std::string(text) + "\n" + std::string(signature_mark) + public_.name + " " +
         to_base64(raw) + "\n";
}

result<std::string> open_note(std::string_view note, const verification_key& key) {
  const auto split = note.rfind("\n\n");
  if (split == note.npos || !note.ends_with('\n')) {
    return error(errc::malformed, "this is not a signed note");
  }
  const auto text = note.substr(0, split + 1);
  auto lines = note.substr(split + 2);
  const auto id = key.id();
  const std::string_view wanted(reinterpret_cast<const char*>(id.data()), id.size());
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    auto line = lines.substr(0, end);
    lines.remove_prefix(end + 1);
    if (!line.starts_with(signature_mark)) {
      return error(errc::malformed, "a signature line begins with a dash");
    }
    line.remove_prefix(signature_mark.size());
    const auto blank = line.find(' ');
    const auto raw =
        blank == line.npos ? std::nullopt : from_base64(line.substr(blank + 1));
    if (!raw || raw->size() < 5) {
      return error(errc::malformed, "a signature line reads NAME BASE64");
    }
    if (line.substr(0, blank) != key.name || !raw->starts_with(wanted)) {
      continue; // a witness's line, or another key's
    }
    if (!key.verifies(text, std::string_view(*raw).substr(wanted.size()))) {
      return error(errc::denied, "the signature is not good").at("key", key.name);
    }
    return std::string(text);
  }
  return error(errc::denied, "the note is not signed by this key").at("key", key.name);
}

std::string tree_head::text() const {
  return origin + "\n" + std::to_string(size) + "\n" + to_base64(as_view(root)) + "\n";
}

result<tree_head> tree_head::parse(std::string_view text) {
  const auto bad = [] {
    return error(errc::malformed, "a checkpoint reads origin, size, root, a line each");
  };
  const auto first = text.find('\n');
  const auto second = first == text.npos ? text.npos : text.find('\n', first + 1);
  const auto third = second == text.npos ? text.npos : text.find('\n', second + 1);
  if (third == text.npos || first == 0) {
    return bad();
  }
  tree_head h;
  h.origin = text.substr(0, first);
  const auto size = text.substr(first + 1, second - first - 1);
  const auto parsed = std::from_chars(size.data(), size.data() + size.size(), h.size);
  const auto root = from_base64(text.substr(second + 1, third - second - 1));
  if (parsed.ec != std::errc() || std::to_string(h.size) != size || !root ||
      root->size() != h.root.size()) {
    return bad();
  }
  std::copy_n(root->begin(), h.root.size(), reinterpret_cast<char*>(h.root.data()));
  return h;
}

} // namespace crossdock::ledger
