#include "host/child/sandboxed_instance.hpp"

#include "host/child/handoff.hpp"
#include "host/connect.hpp"
#include "host/staged_plugin.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace crossdock::host::child {
namespace {

/// From the node's goodbye to the end of the process.
constexpr auto farewell = std::chrono::milliseconds(500);
constexpr std::size_t printed_max = 2048; ///< is kept
constexpr std::size_t printed_bytes_max = 64u << 10;
/// So much of a process is listened to in a tenth of a second; then it waits, lest it
/// keep a processor of the node's busy with its talk.
constexpr auto listening_window = std::chrono::milliseconds(100);
constexpr int listening_max = 300;
constexpr std::size_t refusals_max = 16;
/// A step that gets no processor has this many times its hard deadline.
constexpr int starved_factor = 6;

std::size_t largest_step(const component_limits& l) {
  return l.effect_bytes_max + l.memory_bytes_max + (1u << 20);
}

/// What the plugin called, called here. False if the message does not hold it.
bool call_again(step& s, unpacker& in, cdk_status& status) {
  std::uint64_t request = 0;
  switch (static_cast<op>(in.number<std::uint8_t>())) {
  case op::send: {
    const auto topic = in.str();
    const auto id = in.str();
    const auto key = in.str();
    const auto payload = in.bytes();
    status = in.good() ? s.send(topic, id, key, payload) : CDK_E_INVALID;
    break;
  }
  case op::ask: {
    const auto question = in.str();
    const auto payload = in.bytes();
    const auto timeout = in.number<std::uint64_t>();
    const auto tag = in.bytes();
    status = in.good() ? s.ask(question, payload, timeout, tag, &request) : CDK_E_INVALID;
    break;
  }
  case op::call: {
    const auto tool = in.str();
    const auto args = in.bytes();
    const auto timeout = in.number<std::uint64_t>();
    const auto tag = in.bytes();
    status = in.good() ? s.call(tool, args, timeout, tag, &request) : CDK_E_INVALID;
    break;
  }
  case op::reply: {
    const auto token = in.number<std::uint64_t>();
    const auto code = in.number<cdk_status>();
    const auto payload = in.bytes();
    status = in.good() ? s.reply(token, code, payload) : CDK_E_INVALID;
    break;
  }
  case op::timer: {
    const auto delay = in.number<std::uint64_t>();
    const auto tag = in.bytes();
    status = in.good() ? s.timer(delay, tag, &request) : CDK_E_INVALID;
    break;
  }
  case op::cancel: {
    const auto id = in.number<std::uint64_t>();
    status = in.good() ? s.cancel(id) : CDK_E_INVALID;
    break;
  }
  case op::propose: {
    const auto p = unpack_proposal(in);
    status = in.good() ? s.propose(&p, &request) : CDK_E_INVALID;
    break;
  }
  case op::memory_put: {
    const auto key = in.str();
    const auto value = in.bytes();
    const auto ttl = in.number<std::uint64_t>();
    status = in.good() ? s.memory_put(key, value, ttl) : CDK_E_INVALID;
    break;
  }
  case op::memory_del: {
    const auto key = in.str();
    status = in.good() ? s.memory_del(key) : CDK_E_INVALID;
    break;
  }
  default:
    return false;
  }
  return in.good();
}

} // namespace

sandboxed_instance::sandboxed_instance(std::shared_ptr<const component> what,
                                       instance_host host, process p)
    : component_(std::move(what)), host_(std::move(host)), process_(std::move(p)),
      steps_(process_.step(), largest_step(component_->limits)),
      any_(process_.any(), component_->limits.payload_bytes_max + (64u << 10)),
      stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  watcher_ = std::thread([this] { watch(); });
}

sandboxed_instance::~sandboxed_instance() {
  if (!useless_) {
    steps_.send(packer(frame::destroy).bytes(), steady::now() + farewell);
    std::unique_lock lock(mutex_);
    if (!gone_.wait_for(lock, farewell, [this] { return !end_.empty(); })) {
      lock.unlock();
      denied("to stay when it was told to end");
    }
  }
  process_.kill();
  const std::uint64_t one = 1;
  static_cast<void>(!::write(stop_, &one, sizeof one));
  watcher_.join();
  ::close(stop_);
}

result<std::shared_ptr<sandboxed_instance>>
sandboxed_instance::create(std::shared_ptr<const component> what, instance_host host,
                           const surroundings& around) {
  auto program = find_program(around.plugin_host);
  if (!program) {
    return std::move(program).error();
  }
  auto started = process::start(*program, what->file->descriptor());
  if (!started) {
    return std::move(started).error();
  }
  std::shared_ptr<sandboxed_instance> out(
      new sandboxed_instance(std::move(what), std::move(host), *std::move(started)));
  if (auto r = out->greet(around); !r) {
    return std::move(r).error();
  }
  if (around.failed_before) {
    out->demote();
  }
  return out;
}

result<void> sandboxed_instance::greet(const surroundings& around) {
  const auto create_time = component_->limits.create_hard;
  const auto until = steady::now() + create_time;
  const auto failed = [&](const std::string& why) -> result<void> {
    useless_ = true;
    return error(errc::plugin, "the component \"" + component_->name +
                                   "\" could not be created: " + why)
        .at("plugin", component_->file->release());
  };
  const auto hello = pack_hello({component_, around.words, around.memory, ::getpid()});
  std::string answer;
  auto o = steps_.send(hello, until);
  if (o == channel::outcome::done) {
    o = steps_.receive(answer, until);
  }
  if (o == channel::outcome::late) {
    process_.kill();
    end_of_it();
    return failed("it was not ready within " + std::to_string(create_time.count()) +
                  " ms, and its process was killed");
  }
  if (o != channel::outcome::done) {
    return failed("its process " + end_of_it());
  }
  loading_ = false;
  unpacker in(answer);
  const auto kind = in.kind();
  if (kind == frame::refused) {
    in.number<cdk_status>();
    const auto why = clean_text(in.text(), 2000);
    useless_ = true;
    return error(errc::plugin, why).at("plugin", component_->file->release());
  }
  if (auto report = parse_json(in.text()); kind == frame::ready && in.good() && report) {
    report_ = *std::move(report);
    return {};
  }
  process_.kill();
  return failed("its process answered something else than it must");
}

void sandboxed_instance::denied(const std::string& what) {
  if (host_.denied) {
    host_.denied(what);
  }
}

void sandboxed_instance::demote() {
  if (!demoted_.exchange(true)) {
    process_.demote();
  }
}

std::string sandboxed_instance::end_of_it() {
  useless_ = true;
  std::unique_lock lock(mutex_);
  const auto ended = [this] { return !end_.empty(); };
  if (!gone_.wait_for(lock, std::chrono::milliseconds(200), ended)) {
    process_.kill();
    gone_.wait_for(lock, std::chrono::seconds(10), ended);
  }
  auto how = end_.empty() ? std::string("does not end") : end_;
  if (!printed_.empty()) {
    how += "; it printed: " + clean_text(printed_, printed_max);
  }
  return how;
}

// -- steps
// ---------------------------------------------------------------------------------------

void sandboxed_instance::handle(step& s, const cdk_event& event) {
  working_ = true;
  const auto until = steady::now() + component_->limits.step_hard;
  // Whoever answers before it is asked would be a step ahead for ever.
  if (std::string early;
      !useless_ && steps_.receive(early, steady::now()) == channel::outcome::done) {
    forged(s, "an answer to no event");
    working_ = false;
    return;
  }
  begin(s, event);
  if (s.status == CDK_OK) {
    finish(s, until);
  }
  working_ = false;
}

void sandboxed_instance::begin(step& s, const cdk_event& event) {
  s.status = CDK_OK;
  if (useless_) {
    s.status = CDK_E_FATAL;
    s.message = "its process " + end_of_it();
    return;
  }
  packer p(frame::event);
  p.number(static_cast<std::uint8_t>(applied_))
      .number(s.first_request())
      .number(s.seed());
  applied_ = false;
  pack(p, event);
  const auto o = steps_.send(p.bytes(), steady::now() + component_->limits.step_hard);
  if (o != channel::outcome::done) {
    broke(s, o);
  }
}

void sandboxed_instance::finish(step& s, steady::time_point until) {
  std::string message;
  const auto patience = std::min(until, steady::now() + component_->limits.step_soft);
  const auto waited_before = process_.waited_to_run();
  auto o = steps_.receive(message, demoted_ ? until : patience);
  if (o == channel::outcome::late && !demoted_) {
    demote(); // it may go on, but no longer at its neighbours' cost
    o = steps_.receive(message, until);
  }
  // At the lowest priority a busy machine may leave it nothing: what it waited for a processor
  // does not count, up to a limit.
  const auto at_most = until + component_->limits.step_hard * (starved_factor - 1);
  for (auto extended = until; o == channel::outcome::late;) {
    const auto now_until = std::min(
        at_most, until + std::chrono::duration_cast<steady::duration>(
                             process_.waited_to_run() - waited_before));
    if (now_until <= extended + std::chrono::milliseconds(1)) {
      break;
    }
    extended = now_until;
    o = steps_.receive(message, extended);
  }
  if (o != channel::outcome::done) {
    broke(s, o);
    return;
  }
  read_done(s, message);
}

void sandboxed_instance::broke(step& s, channel::outcome o) {
  s.effects.clear();
  s.changes.clear();
  switch (o) {
  case channel::outcome::late:
    process_.kill();
    end_of_it();
    s.status = CDK_E_DEADLINE;
    s.message = "handle() did not return within " +
                std::to_string(component_->limits.step_hard.count()) +
                " ms, and its process was killed";
    return;
  case channel::outcome::too_large:
    forged(s, "a message larger than a step's limits, or none at all");
    return;
  default:
    s.status = CDK_E_FATAL;
    s.message = "its process " + end_of_it();
    s.message = clean_text(s.message, 2000);
  }
}

void sandboxed_instance::forged(step& s, const std::string& why) {
  process_.kill();
  s.effects.clear();
  s.changes.clear();
  s.status = CDK_E_FATAL;
  s.message = "its process broke the conversation with the node and was killed: " + why;
  denied("a message of its own making: " + why);
  end_of_it();
}

void sandboxed_instance::read_done(step& s, const std::string& message) {
  unpacker in(message);
  if (in.kind() != frame::done) {
    forged(s, "an answer that no step has");
    return;
  }
  const auto status = in.number<cdk_status>();
  const auto retry_after = in.number<std::uint32_t>();
  const auto words = in.text();
  const auto calls = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < calls; ++i) {
    cdk_status again = CDK_E_INVALID;
    if (!call_again(s, in, again)) {
      forged(s, "a call that cannot be read");
      return;
    }
    if (again != CDK_OK && !s.abandoned) {
      forged(s, s.refusals.empty() ? "a call that the node does not accept"
                                   : s.refusals.back());
      return;
    }
  }
  for (auto n = in.number<std::uint32_t>(); n > 0 && in.good(); --n) {
    const auto why = in.text();
    if (s.refusals.size() < refusals_max) {
      s.refusals.push_back(clean_text(why, 500));
    }
  }
  if (!in.good() || !in.at_end()) {
    forged(s, "an answer of the wrong length");
    return;
  }
  s.status = status;
  s.retry_after_ms = retry_after;
  s.message = clean_text(words, sizeof cdk_error{}.message);
}

result<std::string> sandboxed_instance::call(const std::string& message, frame answered,
                                             const char* where,
                                             steady::time_point until) {
  if (useless_) {
    return error(errc::plugin, "its process " + end_of_it());
  }
  std::string answer;
  working_ = true;
  auto o = steps_.send(message, until);
  if (o == channel::outcome::done) {
    o = steps_.receive(answer, until);
  }
  working_ = false;
  unpacker in(answer);
  const bool good = o == channel::outcome::done && in.kind() == answered;
  const auto code = in.number<std::int32_t>();
  const auto why = in.text();
  const auto gave = in.text();
  if (!good || !in.good() || !in.at_end()) {
    process_.kill();
    const auto how = end_of_it();
    return o == channel::outcome::late
               ? error(errc::timeout, std::string(where) +
                                          " did not come back; its process was killed")
               : error(errc::plugin, std::string(where) + ": its process " + how);
  }
  if (code != 0) {
    return error(code == static_cast<std::int32_t>(errc::version) ? errc::version
                                                                  : errc::plugin,
                 clean_text(why, 600));
  }
  return std::string(gave);
}

result<void> sandboxed_instance::quiesce(std::uint32_t reason, std::int64_t deadline_ns) {
  const auto left = std::chrono::nanoseconds(deadline_ns) -
                    std::chrono::system_clock::now().time_since_epoch();
  const auto until =
      steady::now() +
      std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(left),
                 std::chrono::milliseconds(100), std::chrono::milliseconds(10'000));
  auto r = call(packer(frame::quiesce).number(reason).number(deadline_ns).bytes(),
                frame::quiesced, "quiesce()", until);
  if (!r && r.error().code() == errc::timeout) {
    denied("to go on after it was told to stop");
  }
  return r ? result<void>() : std::move(r).error();
}

result<void> sandboxed_instance::resume() {
  auto r = call(packer(frame::resume).bytes(), frame::resumed, "resume()",
                steady::now() + component_->limits.step_hard);
  return r ? result<void>() : std::move(r).error();
}

result<std::string> sandboxed_instance::snapshot() {
  auto r = call(packer(frame::snapshot).bytes(), frame::snapshotted, "snapshot()",
                steady::now() + component_->limits.step_hard);
  if (r && r->size() > snapshot_bytes_max) {
    return error(errc::limit, "snapshot(): more than 16 MiB");
  }
  return r;
}

result<void> sandboxed_instance::restore(std::uint32_t state_schema, std::string_view state,
                                         const memory_view& memory) {
  packer p(frame::restore);
  pack(p.number(state_schema).text(state), memory);
  applied_ = false;
  auto r = call(p.bytes(), frame::restored, "restore()",
                steady::now() + component_->limits.step_hard);
  return r ? result<void>() : std::move(r).error();
}

cdk_status sandboxed_instance::probe(std::uint32_t level, std::string& report) {
  const auto until = steady::now() + component_->limits.create_hard;
  std::string answer;
  working_ = true;
  auto o = steps_.send(packer(frame::probe).number(level).bytes(), until);
  if (o == channel::outcome::done) {
    o = steps_.receive(answer, until);
  }
  working_ = false;
  unpacker in(answer);
  if (o != channel::outcome::done || in.kind() != frame::probed) {
    process_.kill();
    report = o == channel::outcome::late
                 ? "the probe did not come back; its process was killed"
                 : "its process " + end_of_it();
    useless_ = true;
    return CDK_E_FATAL;
  }
  const auto status = in.number<cdk_status>();
  report = clean_text(in.text(), 1u << 20);
  return status;
}

json sandboxed_instance::place() const {
  return {{"pid", process_.id()},
          {"sandbox", report_},
          {"priority", demoted_ ? "idle" : "low"},
          {"denied_calls", denied_.load()}};
}

// -- the watching thread
// -------------------------------------------------------------------------

void sandboxed_instance::watch() {
  bool any_open = true;
  bool output_open = true;
  auto window_end = steady::now() + listening_window;
  int heard = 0;
  for (;;) {
    int wait_ms = -1;
    if (const auto now = steady::now(); now >= window_end) {
      window_end = now + listening_window;
      heard = 0;
    } else if (heard >= listening_max) {
      wait_ms = static_cast<int>(
          std::chrono::ceil<std::chrono::milliseconds>(window_end - now).count());
    }
    const bool listens = wait_ms < 0;
    pollfd p[5] = {{stop_, POLLIN, 0},
                   {process_.watched(), POLLIN, 0},
                   {any_open && listens ? any_.descriptor() : -1, POLLIN, 0},
                   {output_open && listens ? process_.output() : -1, POLLIN, 0},
                   {attempts_ && listens ? attempts_->descriptor() : -1, POLLIN, 0}};
    if (::poll(p, 5, wait_ms) < 0) {
      continue; // a signal
    }
    heard +=
        loading_ ? 0 : (p[2].revents != 0) + (p[3].revents != 0) + (p[4].revents != 0);
    if (p[4].revents != 0) {
      if ((p[4].revents & POLLIN) == 0 || !attempts_->answer(loading_)) {
        denied_ = attempts_->count();
        attempts_.reset();
      } else {
        denied_ = attempts_->count();
      }
    }
    if (p[3].revents != 0) {
      read_output();
      output_open = (p[3].revents & POLLIN) != 0;
    }
    if (p[2].revents != 0) {
      any_open = any_message();
    }
    if (p[1].revents != 0) {
      read_output(); // its last words
      std::string how = process_.how_it_ended(-1);
      bool unasked = false;
      {
        const std::lock_guard lock(mutex_);
        end_ = how.empty() ? "ended" : how;
        how = end_;
        unasked = !working_ && !loading_;
      }
      gone_.notify_all();
      if (unasked && (p[0].revents == 0) && host_.ended) {
        host_.ended("its process " + how +
                    (printed_.empty()
                         ? ""
                         : "; it printed: " + clean_text(printed_, printed_max)));
      }
      return;
    }
    if (p[0].revents != 0) { // whoever asks for it has killed the process
      const auto how = process_.how_it_ended(-1);
      {
        const std::lock_guard lock(mutex_);
        end_ = how.empty() ? "ended" : how;
      }
      gone_.notify_all();
      return;
    }
  }
}

void sandboxed_instance::read_output() {
  char piece[4096];
  if (printed_bytes_ > printed_bytes_max) {
    printed_bytes_ = 0;
    denied("to print more than " + std::to_string(printed_bytes_max >> 10) + " KiB");
  }
  const std::lock_guard lock(mutex_);
  // So much at a time: who prints without end must not keep this thread.
  for (int pieces = 0; pieces < 16; ++pieces) {
    const auto n = ::read(process_.output(), piece, sizeof piece);
    if (n <= 0) {
      break;
    }
    printed_bytes_ += static_cast<std::size_t>(n);
    for (ssize_t i = 0; i < n; ++i) {
      const auto c = piece[i];
      printed_ += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    }
    if (printed_.size() > printed_max) {
      printed_.erase(0, printed_.size() - printed_max);
    }
    if (n < static_cast<ssize_t>(sizeof piece)) {
      break;
    }
  }
}

/// Answers one message of the channel for every thread. False at its end.
bool sandboxed_instance::any_message() {
  std::string message;
  int passed = attempts_ || !loading_ ? -2 : -1;
  // A message that does not go on is not worth waiting for: others wait here as well.
  const auto until = steady::now() + std::chrono::seconds(1);
  const auto o =
      passed == -2 ? any_.receive(message, until) : any_.receive(message, passed, until);
  if (o == channel::outcome::closed) {
    return false;
  }
  unpacker in(message);
  const auto kind = in.kind();
  const auto answer = [&](cdk_status status, int descriptor = -1) {
    any_.send(packer(frame::answer).number(status).bytes(),
              steady::now() + std::chrono::seconds(1), descriptor);
    if (descriptor >= 0) {
      ::close(descriptor);
    }
  };
  if (o != channel::outcome::done) {
    process_.kill();
    return false;
  }
  if (kind == frame::listener && passed >= 0) {
    attempts_ = std::make_unique<attempts>(passed, [this](const std::string& what) {
      demote();
      denied(what);
    });
    return true;
  }
  if (passed >= 0) {
    ::close(passed);
  }
  switch (kind) {
  case frame::log: {
    const auto level = in.number<std::uint32_t>();
    const auto text = in.text();
    const auto fields = in.text();
    if (in.good()) {
      host_.log(level, text, fields);
    }
    return true;
  }
  case frame::metric: {
    const auto what = in.number<std::uint32_t>();
    const auto name = in.text();
    const auto value = in.number<double>();
    if (in.good()) {
      host_.metric(what, name, value);
    }
    return true;
  }
  case frame::post: {
    std::string event(in.text());
    std::string cookie(in.text());
    answer(in.good() ? host_.post(std::move(event), std::move(cookie)) : CDK_E_INVALID);
    return true;
  }
  case frame::connect: {
    const std::string name(in.text());
    const auto it = component_->endpoints.find(name);
    if (it == component_->endpoints.end() ||
        !component_->capabilities.contains(CDK_CAP_NET)) {
      denied(ungranted_endpoint(name));
      answer(CDK_E_DENIED);
      return true;
    }
    auto descriptor = connect_to(it->second);
    if (descriptor) {
      answer(CDK_OK, *descriptor);
    } else {
      host_.log(CDK_LOG_WARNING, descriptor.error().describe(), "");
      answer(CDK_E_RETRY);
    }
    return true;
  }
  default:
    process_.kill();
    denied("a message of its own making: of no known kind");
    return false;
  }
}

} // namespace crossdock::host::child
