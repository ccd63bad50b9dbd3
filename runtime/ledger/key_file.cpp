#include "ledger/key_file.hpp"

#include "ledger/node_lock.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace crossdock::ledger {
namespace {

constexpr const char* private_name = "ledger.key";
constexpr const char* public_name = "ledger.pub";

result<std::string> read_small_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return error(errno == ENOENT ? errc::not_found : errc::io,
                 std::string("cannot read the file: ") + std::strerror(errno))
        .at("file", file.string());
  }
  return std::string(std::istreambuf_iterator<char>(in), {});
}

} // namespace

result<std::optional<signing_key>> load_key(const std::filesystem::path& directory,
                                            std::string_view origin) {
  const auto file = directory / private_name;
  const auto line = read_small_file(file);
  if (!line) {
    if (line.error().code() == errc::not_found) {
      return std::optional<signing_key>();
    }
    return line.error();
  }
  auto key = signing_key::parse(*line);
  if (!key) {
    return error(errc::corrupt,
                 "the ledger's signing key cannot be read; restore it from a "
                 "backup. Without it checkpoints can still be verified with "
                 "ledger.pub, but not signed")
        .at("file", file.string());
  }
  if (key->public_key().name != origin) {
    return error(errc::invalid, "this directory holds the ledger of \"" +
                                    key->public_key().name + "\", not of \"" +
                                    std::string(origin) +
                                    "\"; correct the configured origin or directory")
        .at("file", file.string());
  }
  return std::optional<signing_key>(*std::move(key));
}

result<signing_key> create_key(const std::filesystem::path& directory,
                               std::string_view origin, random_source& random) {
  ed25519_bytes seed{};
  for (std::size_t i = 0; i < seed.size(); i += sizeof(std::uint64_t)) {
    const auto part = random.next();
    std::memcpy(seed.data() + i, &part, sizeof part);
  }
  auto key = signing_key::from_seed(std::string(origin), seed);
  if (!key) {
    return key;
  }
  // The public half first: whoever finds the private one finds both.
  if (auto r =
          replace_file(directory / public_name, key->public_key().str() + "\n", 0644);
      !r) {
    return r.error();
  }
  if (auto r = replace_file(directory / private_name, key->str() + "\n", 0600); !r) {
    return r.error();
  }
  return key;
}

result<verification_key> load_public_key(const std::filesystem::path& directory) {
  const auto file = directory / public_name;
  const auto line = read_small_file(file);
  if (!line) {
    return line.error();
  }
  auto key = verification_key::parse(*line);
  if (!key) {
    return std::move(key).error().at("file", file.string());
  }
  return key;
}

} // namespace crossdock::ledger
