/// A node of its own for one measurement: folder, system of record, configuration, process and
/// the two connections the measurement needs.
#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>

namespace crossdock::bench {

using json = nlohmann::json;

/// A connected local socket that speaks lines. Throws std::runtime_error.
class line_socket {
public:
  explicit line_socket(const std::filesystem::path& path);
  ~line_socket();
  line_socket(line_socket&& other) noexcept;
  line_socket(const line_socket&) = delete;
  line_socket& operator=(line_socket&&) = delete;
  line_socket& operator=(const line_socket&) = delete;
  void send(const std::string& lines) const;
  /// The next line; waits for it. Throws at the end of the stream.
  std::string line();

private:
  int fd_ = -1;
  std::string buffer_;
  std::size_t begin_ = 0;
};

class node {
public:
  /// Writes everything into `folder`, which must be empty or absent, and starts the node.
  node(std::filesystem::path folder, const std::filesystem::path& build,
       const std::filesystem::path& source, std::size_t threads);
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  double start_to_serving_s() const { return start_to_serving_s_; }
  double rss_mb() const;
  /// CPU seconds of the node so far, user and system.
  double cpu_s() const;
  json ask(const std::string& method, const json& params = json::object()) const;
  line_socket api() const { return line_socket(folder_ / "s"); }
  line_socket source() const { return line_socket(folder_ / "source"); }
  /// Line by reference of every transfer that the system of record has.
  std::unordered_map<std::string, std::string> transfers() const;
  void stop();
  int pid() const { return pid_; }

private:
  void write_files(const std::filesystem::path& build, const std::filesystem::path& source,
                   std::size_t threads) const;

  std::filesystem::path folder_;
  int pid_ = -1;
  double start_to_serving_s_ = 0;
};

} // namespace crossdock::bench
