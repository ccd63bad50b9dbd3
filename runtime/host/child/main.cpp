// crossdock-plugin-host: runs one instance of one plugin for a node, under a sandbox. It
// is started by the node alone and speaks over the descriptors that the node gave it.
#include "host/child/confine.hpp"
#include "host/child/handoff.hpp"
#include "host/child/packets.hpp"
#include "host/child/process.hpp"
#include "host/child/wire.hpp"
#include "host/mapped_instance.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <mutex>
#include <utility>

namespace crossdock::host::child {
namespace {

/// What any thread of the plugin may say. The node answers at once.
class any_thread {
public:
  void log(std::uint32_t level, std::string_view message, std::string_view fields) {
    packer p(frame::log);
    p.number(level).text(message.substr(0, 8192)).text(fields.substr(0, 8192));
    const std::lock_guard lock(mutex_);
    offer(p); // what does not fit is lost: a log is not worth waiting for
  }
  void metric(std::uint32_t kind, std::string_view name, double value) {
    packer p(frame::metric);
    p.number(kind).text(name.substr(0, 256)).number(value);
    const std::lock_guard lock(mutex_);
    offer(p);
  }
  cdk_status post(std::string_view event, std::string_view cookie) {
    packer p(frame::post);
    p.text(event).text(cookie);
    int none = -1;
    return ask(p.bytes(), none);
  }
  cdk_status connect(std::string_view endpoint, int& descriptor) {
    packer p(frame::connect);
    p.text(endpoint);
    return ask(p.bytes(), descriptor);
  }
  /// Hands the node the descriptor on which it answers denied calls.
  bool hand_over(int listener) {
    return channel_.send(packer(frame::listener).bytes(), {}, listener) ==
           channel::outcome::done;
  }

  /// How many log lines and metrics were lost since this was asked.
  std::uint64_t lost() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lost_, 0);
  }

private:
  void offer(const packer& p) { lost_ += channel_.offer(p.bytes()) ? 0 : 1; }

  cdk_status ask(std::string_view question, int& descriptor) {
    const std::lock_guard lock(mutex_);
    std::string answer;
    if (channel_.send(question) != channel::outcome::done ||
        channel_.receive(answer, descriptor) != channel::outcome::done) {
      return CDK_E_CANCELLED;
    }
    unpacker in(answer);
    return in.kind() == frame::answer ? in.number<cdk_status>() : CDK_E_CANCELLED;
  }

  std::mutex mutex_;
  std::uint64_t lost_ = 0;
  channel channel_{any_descriptor};
};

/// Checks each call as the node will once more, and writes down what was accepted.
class told_step final : public step {
public:
  using step::step;

  cdk_status send(cdk_str topic, cdk_str id, cdk_str key, cdk_bytes payload) override {
    const auto s = step::send(topic, id, key, payload);
    if (s == CDK_OK) {
      tell(op::send).text(topic).text(id).text(key).text(payload);
    }
    return s;
  }
  cdk_status ask(cdk_str question, cdk_bytes payload, std::uint64_t timeout_ms,
                 cdk_bytes tag, std::uint64_t* request) override {
    const auto s = step::ask(question, payload, timeout_ms, tag, request);
    if (s == CDK_OK) {
      tell(op::ask).text(question).text(payload).number(timeout_ms).text(tag);
    }
    return s;
  }
  cdk_status call(cdk_str tool, cdk_bytes args, std::uint64_t timeout_ms, cdk_bytes tag,
                  std::uint64_t* request) override {
    const auto s = step::call(tool, args, timeout_ms, tag, request);
    if (s == CDK_OK) {
      tell(op::call).text(tool).text(args).number(timeout_ms).text(tag);
    }
    return s;
  }
  cdk_status reply(std::uint64_t token, cdk_status code, cdk_bytes payload) override {
    const auto s = step::reply(token, code, payload);
    if (s == CDK_OK) {
      tell(op::reply).number(token).number(code).text(payload);
    }
    return s;
  }
  cdk_status timer(std::uint64_t delay_ms, cdk_bytes tag,
                   std::uint64_t* request) override {
    const auto s = step::timer(delay_ms, tag, request);
    if (s == CDK_OK) {
      tell(op::timer).number(delay_ms).text(tag);
    }
    return s;
  }
  cdk_status cancel(std::uint64_t request) override {
    const auto s = step::cancel(request);
    if (s == CDK_OK) {
      tell(op::cancel).number(request);
    }
    return s;
  }
  cdk_status propose(const cdk_proposal* p, std::uint64_t* request) override {
    const auto s = step::propose(p, request);
    if (s == CDK_OK) {
      pack(tell(op::propose), *p);
    }
    return s;
  }
  cdk_status memory_put(cdk_str key, cdk_bytes value, std::uint64_t ttl_s) override {
    const auto s = step::memory_put(key, value, ttl_s);
    if (s == CDK_OK) {
      tell(op::memory_put).text(key).text(value).number(ttl_s);
    }
    return s;
  }
  cdk_status memory_del(cdk_str key) override {
    const auto s = step::memory_del(key);
    if (s == CDK_OK) {
      tell(op::memory_del).text(key);
    }
    return s;
  }

  std::uint32_t calls() const { return calls_; }
  const packer& told() const { return told_; }

private:
  packer& tell(op what) {
    ++calls_;
    return told_.number(static_cast<std::uint8_t>(what));
  }

  packer told_;
  std::uint32_t calls_ = 0;
};

class conversation {
public:
  int run() {
    std::string message;
    if (steps_.receive(message) != channel::outcome::done) {
      return 2;
    }
    unpacker in(message);
    if (in.kind() != frame::hello) {
      return 2;
    }
    auto h = unpack_hello(in);
    if (!h) {
      return refuse(CDK_E_INVALID, h.error().describe());
    }
    about_ = *std::move(h);
    remember(std::make_shared<memory_view>(*about_.memory));
    if (auto r = create(); !r) {
      return refuse(CDK_E_INVALID, r.error().describe());
    }
    if (steps_.send(packer(frame::ready).text(to_text(report_)).bytes()) !=
        channel::outcome::done) {
      return 0;
    }
    message.clear();
    message.shrink_to_fit();
    while (steps_.receive(message) == channel::outcome::done) {
      unpacker next(message);
      switch (next.kind()) {
      case frame::event:
        on_event(next, message);
        break;
      case frame::quiesce:
        on_quiesce(next);
        break;
      case frame::probe:
        on_probe(next);
        break;
      case frame::resume:
        tell(frame::resumed, instance_->resume());
        break;
      case frame::snapshot: {
        auto state = instance_->snapshot();
        tell(frame::snapshotted, state ? result<void>() : state.error(),
             state ? *state : std::string());
        break;
      }
      case frame::restore:
        on_restore(next);
        break;
      case frame::destroy:
        instance_.reset();
        return 0;
      default:
        return 2;
      }
    }
    return 0; // the node is gone
  }

private:
  int refuse(cdk_status status, const std::string& why) {
    steps_.send(packer(frame::refused).number(status).text(why).bytes());
    return 1;
  }

  result<void> create() {
    const confinement bounds{about_.what->limits.process_bytes_max,
                             about_.what->connector};
    if (auto r = lower(bounds); !r) {
      return r;
    }
    if (::getppid() != about_.parent) {
      return error(errc::cancelled, "the node is gone");
    }
    auto confined = confine(bounds);
    if (!confined) {
      return std::move(confined).error();
    }
    report_ = confined->report;
    if (!any_.hand_over(confined->listener)) {
      return error(errc::cancelled, "the node is gone");
    }
    ::close(confined->listener);
    auto image = plugin_image::map(plugin_descriptor, about_.what->name);
    if (!image) {
      return std::move(image).error();
    }
    instance_host h;
    h.log = [this](std::uint32_t level, std::string_view m, std::string_view f) {
      any_.log(level, m, f);
    };
    h.metric = [this](std::uint32_t kind, std::string_view name, double value) {
      any_.metric(kind, name, value);
    };
    h.post = [this](std::string event, std::string cookie) {
      return any_.post(event, cookie);
    };
    auto made =
        mapped_instance::create(about_.what, *image, std::move(h),
                                [this](std::string_view endpoint, int& descriptor) {
                                  return any_.connect(endpoint, descriptor);
                                });
    if (!made) {
      return std::move(made).error();
    }
    instance_ = *std::move(made);
    return seal();
  }

  void on_event(unpacker& in, const std::string& message) {
    const bool applied = in.number<std::uint8_t>() != 0;
    const auto first_request = in.number<std::uint64_t>();
    const auto seed = in.number<std::uint64_t>();
    const auto event = unpack_event(in);
    if (applied) {
      apply();
    }
    changes_.clear();
    const timestamp now(std::chrono::microseconds(event.now_ns / 1000));
    told_step s(about_.what, about_.words, first_request,
                std::make_shared<seeded_random>(seed), memory_, memory_bytes_, now);
    const auto before = std::hash<std::string>{}(message);
    instance_->handle(s, event);
    if (std::hash<std::string>{}(message) != before) {
      s.refusals.emplace_back("it wrote into its event, which is only lent");
    }
    if (any_.lost() > 0) {
      s.refusals.emplace_back(
          "more log lines and metrics than are listened to; the rest is lost");
    }
    changes_ = std::move(s.changes);
    packer p(frame::done);
    p.number(s.status)
        .number(s.retry_after_ms)
        .text(s.message)
        .number(s.calls())
        .append(s.told());
    p.number(static_cast<std::uint32_t>(s.refusals.size()));
    for (const auto& why : s.refusals) {
      p.text(why);
    }
    steps_.send(p.bytes());
  }

  /// The last step's changes of memory are durable: now they are what a read sees.
  void apply() {
    for (auto& [key, value] : changes_) {
      if (const auto it = memory_->find(key); it != memory_->end()) {
        memory_bytes_ -= key.size() + it->second.bytes.size();
        memory_->erase(it);
      }
      if (value) {
        memory_bytes_ += key.size() + value->bytes.size();
        memory_->emplace(key, std::move(*value));
      }
    }
  }

  void on_quiesce(unpacker& in) {
    const auto reason = in.number<std::uint32_t>();
    tell(frame::quiesced, instance_->quiesce(reason, in.number<std::int64_t>()));
  }

  void on_restore(unpacker& in) {
    const auto schema = in.number<std::uint32_t>();
    const auto state = in.text();
    remember(unpack_memory(in));
    tell(frame::restored, in.good()
                              ? instance_->restore(schema, state, *memory_)
                              : error(errc::malformed, "the node's message is cut off"));
  }

  /// How a call went, and what it gave.
  void tell(frame what, const result<void>& how, std::string_view gave = {}) {
    packer p(what);
    p.number(how ? std::int32_t{0} : static_cast<std::int32_t>(how.error().code()))
        .text(how ? std::string() : how.error().message())
        .text(gave);
    steps_.send(p.bytes());
  }

  void remember(std::shared_ptr<memory_view> all) {
    memory_ = std::move(all);
    memory_bytes_ = 0;
    for (const auto& [key, value] : *memory_) {
      memory_bytes_ += key.size() + value.bytes.size();
    }
    changes_.clear();
  }

  void on_probe(unpacker& in) {
    std::string report;
    const auto status = instance_->probe(in.number<std::uint32_t>(), report);
    steps_.send(packer(frame::probed).number(status).text(report).bytes());
  }

  channel steps_{step_descriptor};
  any_thread any_;
  handoff about_;
  json report_;
  std::shared_ptr<memory_view> memory_;
  std::size_t memory_bytes_ = 0;
  memory_changes changes_;
  std::shared_ptr<instance> instance_;
};

} // namespace
} // namespace crossdock::host::child

int main(int argc, char**) {
  using namespace crossdock::host::child;
  int type = 0;
  socklen_t size = sizeof type;
  if (argc > 1 || ::getsockopt(step_descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      type != SOCK_SEQPACKET) {
    std::fputs("crossdock-plugin-host runs a plugin for a crossdock node, which starts "
               "it; it is "
               "of no use by hand.\n",
               stderr);
    return argc > 1 ? 0 : 2;
  }
  const int code = conversation().run();
  ::_exit(code); // not the destructors of what the plugin left
}
