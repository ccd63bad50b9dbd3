/// One conversation with a node over its local socket: a line of JSON there, a line back.
#pragma once

#include "base/json.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
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

  // -- for who waits for several things at once
  /// Readable when there is something to hear, or the node has gone.
  int descriptor() const { return fd_; }
  /// Asks without waiting for the answer.
  result<void> send(const std::string& method, const json& params, const std::string& as);
  /// The next whole line that has come, if any; never waits.
  result<std::optional<json>> heard();
  /// What a line of the form {"ok": ...} holds.
  static result<json> answer_in(json line);

private:
  client(int fd, std::string place) : fd_(fd), place_(std::move(place)) {}
  result<std::optional<json>> take_line();
  result<bool> read_more(int flags);
  error broken(const std::string& why) const;

  int fd_ = -1;
  std::string place_;
  std::string buffer_;
  std::size_t taken_ = 0;    ///< bytes of it that were lines before
  std::size_t searched_ = 0; ///< bytes of it without the end of the next line
};

} // namespace crossdock::cli
