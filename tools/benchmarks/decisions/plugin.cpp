/// The work of `tools/bench decisions`: a source that hands in order lines as they arrive on a
/// local socket, and three agents with nothing to compute. Their answers have the shape and size
/// of what the real agents say; see docs/benchmarks.md.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include <crossdock/plugin.hpp>

namespace crossdock::bench {

using namespace sdk;

/// Reads one JSON event a line from whoever connects and posts it.
class source : public connector {
public:
  static void declare(handlers<source>& h) {
    h.started(&source::started);
    h.posted(&source::posted);
  }

  void configure(const json& config) override {
    path_ = config.at("socket").get<std::string>();
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path)
      throw bad_config{"the socket's path is too long: " + path_};
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    ::unlink(path_.c_str());
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 8) != 0)
      throw bad_config{"cannot listen on " + path_ + ": " + std::strerror(errno)};
  }

  ~source() override { stop(); }
  void quiesce(std::uint32_t, std::int64_t) override { stop(); }

private:
  void started(step&, const event&) {
    reader_ = std::thread{[this] { serve(); }};
  }
  void posted(step&, const event&) {}

  void serve() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0)
        return;
      peer_ = fd;
      std::string buffer;
      char chunk[65536];
      for (ssize_t n = 0; (n = ::read(fd, chunk, sizeof chunk)) > 0;) {
        buffer.append(chunk, static_cast<std::size_t>(n));
        std::size_t begin = 0;
        for (std::size_t end = 0; (end = buffer.find('\n', begin)) != std::string::npos;
             begin = end + 1)
          post(json::parse(buffer.begin() + static_cast<std::ptrdiff_t>(begin),
                           buffer.begin() + static_cast<std::ptrdiff_t>(end)),
               "");
        buffer.erase(0, begin);
      }
      peer_ = -1;
      ::close(fd);
    }
  }

  void stop() {
    ::shutdown(listener_, SHUT_RDWR);
    if (const int fd = peer_; fd >= 0)
      ::shutdown(fd, SHUT_RDWR);
    if (reader_.joinable())
      reader_.join();
    if (listener_ >= 0)
      ::close(listener_);
    listener_ = -1;
  }

  std::string path_;
  int listener_ = -1;
  std::atomic<int> peer_{-1};
  std::thread reader_;
};

json fact_of(const event& e, const char* name, const char* value, const std::string& record) {
  return {{"name", name},     {"value", value},      {"unit", "ea"},
          {"system", "bench"}, {"record", record}, {"as_of", e.now_text()}};
}

/// Agent 1: the line is short of what its branch has.
struct order : agent {
  static void declare(handlers<order>& h) { h.on("order.line", &order::line); }
  void line(step& s, const event& e) {
    s.send("order.line_short",
           {{"line", e["line"]},
            {"order", e["order"]},
            {"customer", e["customer"]},
            {"item", e["item"]},
            {"site", e["site"]},
            {"quantity", e["quantity"]},
            {"short", "7"},
            {"unit", e["unit"]},
            {"unit_price", e["unit_price"]},
            {"need_date", e["requested_date"]},
            {"value_at_stake", {{"amount", "84.00"}, {"currency", "USD"}}},
            {"facts", {fact_of(e, "available", "3", "stock/" + e.text("item"))}}});
  }
};

/// Agent 2: three ways to fill it.
struct supply : agent {
  static void declare(handlers<supply>& h) {
    h.answers("supply.options", &supply::options);
  }
  void options(step& s, const event& e) {
    const auto money = [](const char* amount) {
      return json{{"amount", amount}, {"currency", "USD"}};
    };
    const auto option = [&](const char* id, const char* kind, const char* from,
                            double confidence, const char* cost) {
      json o{{"id", id},
             {"kind", kind},
             {"item", e["item"]},
             {"site_from", from},
             {"quantity", e["short"]},
             {"unit", e["unit"]},
             {"ready_date", e["need_date"]},
             {"score", confidence},
             {"confidence", confidence},
             {"benefit", money("60.00")},
             {"cost", money(cost)},
             {"summary", std::string{"Branch "} + from + " has enough and a van leaves today."},
             {"evidence", {fact_of(e, "available", "40", "stock/" + e.text("item"))}}};
      if (std::string_view{kind} == "transfer") {
        o["tool"] = "erp.transfer.create";
        o["args"] = {{"item", e["item"]},   {"from", from},
                     {"to", e["site"]},     {"quantity", e["short"]},
                     {"unit", e["unit"]},   {"need_date", e["need_date"]},
                     {"order_line", e["line"]}};
      }
      return o;
    };
    s.reply({{"options",
              {option("t1", "transfer", "B2", 0.95, "4.00"),
               option("t2", "transfer", "B3", 0.90, "6.00"),
               option("w", "wait", "B1", 0.10, "0.00")}},
             {"if_nothing_is_done", "The customer waits for the next receipt."}});
  }
};

/// Agent 3: both transfers can be picked before the cut-off.
struct pick : agent {
  static void declare(handlers<pick>& h) { h.answers("pick.feasibility", &pick::feasible); }
  void feasible(step& s, const event& e) {
    json out = json::array();
    for (const auto& option : e["options"])
      out.push_back({{"id", option.at("id")},
                     {"feasible", true},
                     {"probability", 0.98},
                     {"summary", "12 lines are before it; the cut-off is at 16:00."},
                     {"evidence", {fact_of(e, "lines_waiting", "12", "wave/1")}}});
    s.reply({{"options", std::move(out)}});
  }
};

CROSSDOCK_CONNECTOR("bench-source", source)
CROSSDOCK_AGENT("bench-order", order)
CROSSDOCK_AGENT("bench-supply", supply)
CROSSDOCK_AGENT("bench-pick", pick)

} // namespace crossdock::bench
