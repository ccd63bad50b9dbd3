/// One HTTP exchange, and the only thing here that touches the network.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "wire.hpp"

namespace crossdock::tryton {

/// Sends one POST and says what became of it. Tests put recorded answers in its place.
class transport {
public:
  transport() = default;
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;
  virtual ~transport() = default;
  virtual http_reply post(const std::string& url, const std::string& authorization,
                          const std::string& body, std::chrono::milliseconds timeout) = 0;
};

struct http_limits {
  std::chrono::milliseconds connect_timeout{3'000};
  /// A page of 500 lines is under 1 MB; more than this is not an answer we asked for.
  std::size_t response_bytes_max = 16u << 20;
};

/// libcurl: http and https, no redirects, no proxy from the environment, and a new
/// connection for each call (curl repeats a POST by itself when a kept connection turns
/// out to be dead, which would be a blind retry of a write).
std::unique_ptr<transport> make_http_transport(const http_limits& limits);

} // namespace crossdock::tryton
