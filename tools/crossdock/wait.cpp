#include "crossdock/commands.hpp"
#include "crossdock/facts.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <thread>

namespace crossdock::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds pause{300};

std::int64_t number_at(const json& status, const char* pointer) {
  const auto* n = find_pointer(status, pointer);
  return n != nullptr && n->is_number_integer() ? n->get<std::int64_t>() : 0;
}

/// What somebody inside or a connector still owes; people's decisions are not among it.
std::int64_t under_way(const json& status) {
  return number_at(status, "/exchange_waiting") + number_at(status, "/effect/checking");
}

class waiting_line {
public:
  explicit waiting_line(surroundings& around) : around_(around) {}
  ~waiting_line() {
    if (drawn_) {
      around_.err << "\r\033[K" << std::flush;
    }
  }
  waiting_line(const waiting_line&) = delete;
  waiting_line& operator=(const waiting_line&) = delete;
  void say(const std::string& text) {
    if (around_.progress) {
      drawn_ = true;
      around_.err << '\r' << text << "\033[K" << std::flush;
    }
  }

private:
  surroundings& around_;
  bool drawn_ = false;
};

bool gone(std::int64_t pid) {
  return pid > 0 && ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
}

} // namespace

ending node_wait(session& s, const wait_words& w) {
  waiting_line line(s.around());
  const auto end = steady_clock::now() + std::chrono::seconds(w.seconds);
  const auto quiet = std::chrono::seconds(w.quiet_for);
  auto quiet_since = steady_clock::time_point::max();
  std::int64_t left = 0;
  for (;;) {
    auto status = s.ask("node.status");
    const auto now = steady_clock::now();
    if (status) {
      left = under_way(*status);
      quiet_since =
          left > 0 ? steady_clock::time_point::max() : std::min(quiet_since, now);
      if (w.up || (left == 0 && now - quiet_since >= quiet)) {
        s.told_program(*status);
        return exit_code::ok;
      }
      line.say(left > 0 ? fmt::format("{} things are under way", left)
                        : std::string("nothing is under way"));
    } else if (!w.up || status.error().code() != errc::unavailable) {
      return std::move(status).error();
    } else if (gone(w.pid)) {
      return error(errc::unavailable,
                   "the node ended while it was starting; its log says why");
    } else {
      line.say("waiting for the node");
    }
    if (now >= end) {
      return !status ? std::move(status).error()
                     : error(errc::timeout,
                             fmt::format("after {} s, {} things are still under way; see "
                                         "`crossdock node status`",
                                         w.seconds, left));
    }
    std::this_thread::sleep_for(pause);
  }
}

} // namespace crossdock::cli
