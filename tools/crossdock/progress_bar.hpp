/// How far long work is, on standard error.
#pragma once

#include "crossdock/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

namespace crossdock::cli {

/// Shows how far long work is, to a person who watches.
class progress_bar {
public:
  explicit progress_bar(surroundings& around) : around_(around) {}
  ~progress_bar() {
    if (drawn_) {
      around_.err << "\r\033[K" << std::flush;
    }
  }
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;

  void operator()(std::uint64_t done, std::uint64_t total, const char* of = "records") {
    const auto now = std::chrono::steady_clock::now();
    if (!around_.progress || total == 0 || now - last_ < std::chrono::milliseconds(100)) {
      return;
    }
    last_ = now;
    drawn_ = true;
    constexpr std::uint64_t width = 30;
    const auto full = static_cast<std::size_t>(std::min(width, done * width / total));
    around_.err << fmt::format("\r[{}{}] {:>3} % of {} {}\033[K", std::string(full, '#'),
                               std::string(width - full, '.'), done * 100 / total, total,
                               of)
                << std::flush;
  }

private:
  surroundings& around_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_{};
};

} // namespace crossdock::cli
