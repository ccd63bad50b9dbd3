#include "crossdock/commands.hpp"
#include "crossdock/facts.hpp"
#include "crossdock/record_words.hpp"
#include "flow/definition.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <deque>

namespace crossdock::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Rates are of this span: short enough to follow, long enough to read.
constexpr std::chrono::seconds rate_span{5};
/// What a case's id is shortened to: its time to the millisecond and ten bits.
constexpr std::size_t case_columns = 12;
constexpr std::size_t who_columns = 24;

/// SIGINT and SIGTERM as something to wait for, so that none falls between two looks.
class interrupts {
public:
  interrupts() {
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &wanted, &before_);
    fd_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  interrupts(const interrupts&) = delete;
  interrupts& operator=(const interrupts&) = delete;
  ~interrupts() {
    signalfd_siginfo taken{};
    while (fd_ >= 0 && ::read(fd_, &taken, sizeof taken) > 0) {
    }
    if (fd_ >= 0) {
      ::close(fd_);
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  int descriptor() const { return fd_; }

private:
  int fd_ = -1;
  sigset_t before_{};
};

/// Counters of the node at a moment, and what they make in a span of time.
struct figures {
  steady_clock::time_point at;
  std::uint64_t events = 0; ///< of the stream
  std::int64_t records = 0;
  std::int64_t decisions = 0;
  std::int64_t waiting = 0;
  std::int64_t in_flight = 0;
};

std::int64_t at(const json& status, const char* pointer) {
  const auto* n = find_pointer(status, pointer);
  return n != nullptr && n->is_number_integer() ? n->get<std::int64_t>() : 0;
}

class rates {
public:
  void add(const json& status, std::uint64_t events) {
    const auto now = steady_clock::now();
    seen_.push_back({now, events, at(status, "/ledger/durable_seq"),
                     at(status, "/gate/allowed") + at(status, "/gate/asked") +
                         at(status, "/gate/denied"),
                     at(status, "/approvals/pending"), at(status, "/exchange_waiting")});
    while (seen_.size() > 2 && now - seen_[1].at >= rate_span) {
      seen_.pop_front();
    }
  }
  /// Two looks make a rate.
  bool ready() const { return seen_.size() >= 2; }
  const figures& newest() const { return seen_.back(); }
  double per_second(double (*of)(const figures&)) const {
    const std::chrono::duration<double> span = seen_.back().at - seen_.front().at;
    return span.count() > 0
               ? std::max(0.0, of(seen_.back()) - of(seen_.front())) / span.count()
               : 0;
  }
  double events() const {
    return per_second([](const figures& f) { return static_cast<double>(f.events); });
  }
  double records() const {
    return per_second([](const figures& f) { return static_cast<double>(f.records); });
  }
  double decisions() const {
    return per_second([](const figures& f) { return static_cast<double>(f.decisions); });
  }

private:
  std::deque<figures> seen_;
};

class watching {
public:
  watching(session& s, const watch_words& w) : s_(s), w_(w) {}

  ending run() {
    auto params = parameters();
    if (!params) {
      return std::move(params).error();
    }
    auto stream = s_.connect();
    if (!stream) {
      return std::move(stream).error();
    }
    auto begun = stream->ask("watch", *params, s_.options().as);
    if (!begun) {
      return std::move(begun).error();
    }
    if (figures_wanted()) {
      auto other = s_.connect();
      if (!other) {
        return std::move(other).error();
      }
      status_ = std::move(*other);
    }
    greet();
    auto ended = follow(*stream);
    wipe();
    return ended;
  }

private:
  bool as_json() const { return s_.options().as_json; }
  /// In a line of its own at the bottom of a terminal, or instead of records.
  bool figures_wanted() const {
    return w_.summary || (s_.around().progress && !as_json());
  }
  /// A filter that leaves events out cannot count them.
  bool counts_events() const {
    return w_.summary || (w_.case_id.empty() && w_.component.empty() &&
                          (w_.kinds.empty() ||
                           std::count(w_.kinds.begin(), w_.kinds.end(), "event") > 0));
  }

  result<json> parameters() {
    json params = json::object();
    auto kinds = w_.kinds;
    if (w_.summary) {
      kinds = {"event"};
    }
    if (!kinds.empty()) {
      params["kinds"] = kinds;
    }
    for (const auto& k : kinds) {
      if (std::count(known_kinds().begin(), known_kinds().end(), k) == 0) {
        s_.around().err << "crossdock: no record of the kind \"" << clean(k)
                        << "\" is known; known are "
                        << fmt::format("{}", fmt::join(known_kinds(), ", ")) << "\n";
      }
    }
    if (!w_.case_id.empty()) {
      params["case"] = w_.case_id;
    }
    if (!w_.component.empty()) {
      params["component"] = w_.component;
    }
    if (w_.from > 0) {
      params["from_seq"] = w_.from;
    }
    if (!w_.since.empty()) {
      const auto span = flow::parse_duration(w_.since);
      if (!span) {
        return error(errc::invalid, "--since is a number and ms, s, m, h or d, for "
                                    "instance 10m; at most 30d")
            .at("since", w_.since);
      }
      params["since_s"] = std::max<std::int64_t>(
          1, std::chrono::duration_cast<std::chrono::seconds>(*span).count());
    }
    return params;
  }

  void greet() {
    if (!as_json() && s_.around().progress) {
      s_.paper().paragraph("Watching; times are UTC, Ctrl-C ends it.", 0, 0,
                           colour::faint);
      s_.around().out << std::flush;
    }
  }

  ending follow(client& stream) {
    const interrupts signals;
    auto next_look = steady_clock::now();
    for (;;) {
      auto ended = read_stream(stream);
      if (!ended || *ended) {
        return ended ? ending(**ended) : ending(std::move(ended).error());
      }
      if (figures_wanted()) {
        if (auto r = read_status(); !r) {
          return std::move(r).error();
        }
        if (!asking_ && steady_clock::now() >= next_look) {
          next_look = steady_clock::now() + std::chrono::seconds(w_.every);
          if (auto r = status_->send("node.status", json::object(), s_.options().as);
              !r) {
            return std::move(r).error();
          }
          asking_ = true;
        }
      }
      if (!drawn_) {
        draw();
      }
      s_.around().out << std::flush;
      if (!s_.around().out) {
        return error(errc::io, "standard output cannot be written");
      }
      if (interrupted(stream, signals, next_look)) {
        return exit_code::ok;
      }
    }
  }

  /// Waits for whatever comes first; true if that is the user.
  bool interrupted(const client& stream, const interrupts& signals,
                   steady_clock::time_point next_look) const {
    std::array<pollfd, 3> p{{{signals.descriptor(), POLLIN, 0},
                             {stream.descriptor(), POLLIN, 0},
                             {status_ ? status_->descriptor() : -1, POLLIN, 0}}};
    const auto left = std::chrono::duration_cast<milliseconds>(
        next_look - steady_clock::now() + milliseconds(1));
    const bool timed = status_ && !asking_;
    static_cast<void>(
        ::poll(p.data(), p.size(),
               timed ? static_cast<int>(std::max<std::int64_t>(0, left.count())) : -1));
    return (p[0].revents & POLLIN) != 0;
  }

  /// Everything that has come; an exit code if it was the last of it.
  result<std::optional<exit_code>> read_stream(client& stream) {
    for (;;) {
      auto line = stream.heard();
      if (!line) {
        return cut_off(line.error());
      }
      if (!*line) {
        return std::optional<exit_code>();
      }
      if ((*line)->contains("ended")) {
        return std::optional(over(**line));
      }
      events_ += text_or(**line, "kind") == "event" ? 1 : 0;
      if (!w_.summary) {
        tell(**line);
      }
    }
  }

  exit_code over(const json& line) {
    const auto code = line.find("code");
    const auto why = code != line.end() && code->is_number_integer()
                         ? static_cast<errc>(code->get<std::int32_t>())
                         : errc::unavailable;
    wipe();
    if (as_json()) {
      s_.around().out << to_text(line) << '\n';
      return exit_code_of(why);
    }
    return s_.tell(error(why, "the watch ended after record " + shown(line, "seq") +
                                  ": " + shown(line, "ended")));
  }

  result<std::optional<exit_code>> cut_off(const error& why) {
    error told(why.code(), "the node ended without a word, so it crashed or was killed; "
                           "its log says more");
    for (const auto& [name, value] : why.context()) {
      told.at(name, value);
    }
    if (!as_json() || why.code() != errc::unavailable) {
      return why.code() == errc::unavailable ? told : why;
    }
    return std::optional(over({{"ended", told.message()},
                               {"code", static_cast<int>(told.code())},
                               {"name", to_string(told.code())}}));
  }

  // -- records ------------------------------------------------------------------------

  void tell(const json& record) {
    if (as_json()) {
      s_.around().out << to_text(record) << '\n';
      return;
    }
    const auto line = words_.of(record);
    // Who names a kind wants to see it.
    if (line.chatter && !w_.all && w_.kinds.empty()) {
      return;
    }
    wipe();
    const auto id = shown(record, "case").substr(0, case_columns);
    const auto time = time_text(shown(record, "time"));
    s_.paper().columns({{time, 8, colour::faint},
                        {id, case_columns, colour::faint},
                        {line.who, who_columns, colour::none}},
                       line.what, line.paint, s_.around().width > 0);
  }

  // -- figures ------------------------------------------------------------------------

  result<void> read_status() {
    for (;;) {
      auto line = status_->heard();
      if (!line) {
        // The stream says why the node is gone; here only its figures end.
        status_.reset();
        asking_ = true;
        return {};
      }
      if (!*line) {
        return {};
      }
      asking_ = false;
      auto status = client::answer_in(std::move(**line));
      if (!status) {
        return std::move(status).error();
      }
      rates_.add(*status, events_);
      if (rates_.ready()) {
        show_figures();
      }
    }
  }

  void show_figures() {
    if (w_.summary && as_json()) {
      const auto rounded = [](double v) { return fmt::format("{:.1f}", v); };
      const auto& f = rates_.newest();
      s_.around().out << to_text(json{{"events_per_s", rounded(rates_.events())},
                                      {"records_per_s", rounded(rates_.records())},
                                      {"decisions_per_s", rounded(rates_.decisions())},
                                      {"waiting_for_a_person", f.waiting},
                                      {"in_flight", f.in_flight},
                                      {"durable_seq", f.records}})
                      << '\n';
    } else if (s_.around().progress) {
      draw();
    } else {
      s_.paper().line(figures_text());
    }
  }

  std::string figures_text() const {
    const auto& f = rates_.newest();
    return (counts_events() ? fmt::format("{:.1f} events/s, ", rates_.events()) : "") +
           fmt::format("{:.1f} decisions/s, {} waiting for a person, {} in flight, "
                       "{:.0f} records/s",
                       rates_.decisions(), f.waiting, f.in_flight, rates_.records());
  }

  void draw() {
    if (s_.around().progress && !as_json() && rates_.ready()) {
      s_.around().out << std::flush;
      s_.around().err << '\r' << s_.paper().paint(figures_text(), colour::faint)
                      << "\033[K" << std::flush;
      drawn_ = true;
    }
  }

  void wipe() {
    if (drawn_) {
      s_.around().err << "\r\033[K" << std::flush;
      drawn_ = false;
    }
  }

  session& s_;
  const watch_words& w_;
  record_words words_;
  std::optional<client> status_;
  rates rates_;
  std::uint64_t events_ = 0;
  bool asking_ = false; ///< the node owes its status
  bool drawn_ = false;
};

} // namespace

ending watch(session& s, const watch_words& w) {
  return watching(s, w).run();
}

} // namespace crossdock::cli
