/// One conversation with a node over its local socket: a line of JSON there, a line back.
#pragma once

#include "base/json.hpp"

#include <chrono>
#include <filesystem>
#include <string>

namespace crossdock::cli {

class client {
public:
  /// Errors: unavailable (nobody listens, or the path is no socket), denied (the file's
  /// permissions); each names the socket and the remedy.
  static result<client> connect(const std::filesystem::path& socket);
  ~client();
  client(client&& other) noexcept;
  client& operator=(client&& other) noexcept;

  /// Errors: what the node answered, or unavailable and timeout of the conversation
  /// itself.
  result<json> ask(const std::string& method, const json& params, const std::string& as);

private:
  client(int fd, std::string place) : fd_(fd), place_(std::move(place)) {}
  error broken(const std::string& why) const;

  int fd_ = -1;
  std::string place_;
  std::string buffer_;
};

} // namespace crossdock::cli
