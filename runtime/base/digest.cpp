#include "base/digest.hpp"

#include <openssl/evp.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

namespace crossdock {
namespace {

struct free_context {
  void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
};
using context = std::unique_ptr<EVP_MD_CTX, free_context>;

/// Fetched once: EVP_sha256() looks the algorithm up again at every initialisation.
const EVP_MD* algorithm() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return md;
}

EVP_MD_CTX* fresh_context() {
  thread_local const context c(EVP_MD_CTX_new());
  EVP_DigestInit_ex2(c.get(), algorithm(), nullptr);
  return c.get();
}

sha256 finish(EVP_MD_CTX* c) {
  sha256 digest{};
  unsigned length = 0;
  EVP_DigestFinal_ex(c, digest.data(), &length);
  return digest;
}

} // namespace

sha256 sha256_of(std::string_view bytes) {
  auto* c = fresh_context();
  EVP_DigestUpdate(c, bytes.data(), bytes.size());
  return finish(c);
}

sha256 sha256_of(std::uint8_t prefix, std::string_view a, std::string_view b) {
  auto* c = fresh_context();
  EVP_DigestUpdate(c, &prefix, 1);
  EVP_DigestUpdate(c, a.data(), a.size());
  EVP_DigestUpdate(c, b.data(), b.size());
  return finish(c);
}

result<sha256> sha256_of_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return error(errno == ENOENT ? errc::not_found : errc::io,
                 std::string("cannot read the file: ") + std::strerror(errno))
      .at("file", file.string());
  }
  auto* c = fresh_context();
  std::vector<char> buffer(1u << 16);
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    EVP_DigestUpdate(c, buffer.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) {
    return error(errc::io, "reading the file failed").at("file", file.string());
  }
  return finish(c);
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const auto b : bytes) {
    text += digits[b >> 4];
    text += digits[b & 15];
  }
  return text;
}

result<sha256> sha256_from_hex(std::string_view text) {
  sha256 digest{};
  const auto nibble = [](char c) -> int {
    if (c >= '0' && c <= '9') {
      return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
      return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  if (text.size() != 64) {
    return error(errc::malformed, "a SHA-256 has 64 hexadecimal digits");
  }
  for (std::size_t i = 0; i < 32; ++i) {
    const int high = nibble(text[2 * i]);
    const int low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0) {
      return error(errc::malformed, "a SHA-256 has 64 hexadecimal digits");
    }
    digest[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

} // namespace crossdock
