/// The one place that knows CAF 0.17's spelling. Every host actor derives from host_actor,
/// which replaces CAF's silent defaults and sees every message that arrives.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace crossdock {

// -- interfaces --------------------------------------------------------------------------------

/// A message that is answered, and with what.
template <class Question, class Answer>
using asks = typename caf::replies_to<Question>::template with<Answer>;

/// A message that is not answered.
template <class Message>
using tells = caf::reacts_to<Message>;

/// Continue on the actor's own turn: completions of durable work and of executor threads.
struct task {
  std::function<void()> run;
};
/// Finish what is under way and end; the supervisor waits for it.
struct shut_down {};
struct status_request {};
/// `text` is a JSON object.
struct status_report {
  std::string text;
};

/// What an actor understands, besides what every one of ours understands.
template <class... Own>
using actor_interface =
  caf::typed_actor<Own..., tells<task>, tells<shut_down>, asks<status_request, status_report>>;

// -- the tap --------------------------------------------------------------------------------------

/// Sees what reaches host actors. Commands are recorded singly; the rest is counted and the
/// counts are written down with each checkpoint (class C).
class tap {
public:
  virtual ~tap() = default;
  /// A message that changes what the host does: recorded.
  virtual void command(std::string_view actor, std::string_view what) = 0;
  /// Something CAF would have dropped without a word.
  virtual void mishap(std::string_view actor, const std::string& what) = 0;
  void count() { messages_.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t messages() const { return messages_.load(std::memory_order_relaxed); }

private:
  std::atomic<std::uint64_t> messages_{0};
};

// -- the base class -----------------------------------------------------------------------------

/// CAF's defaults that this class replaces: an unexpected message is reported instead of
/// killing its sender; an exception ends the actor with its text, for the supervisor to see;
/// down and error messages are never just printed.
template <class Handle>
class host_actor : public Handle::base {
  using super = typename Handle::base;

public:
  using handle = Handle;
  using behavior_type = typename Handle::behavior_type;

  host_actor(caf::actor_config& config, std::string name, std::shared_ptr<tap> t)
    : super(config), name_(std::move(name)), tap_(std::move(t)) {
    this->set_default_handler(
      [this](caf::scheduled_actor*, caf::message_view& m) -> caf::result<caf::message> {
        tap_->mishap(name_, "unexpected message: " + caf::to_string(m.content()));
        return caf::sec::unexpected_message;
      });
    this->set_exception_handler([this](std::exception_ptr& e) -> caf::error {
      try {
        std::rethrow_exception(e);
      } catch (const std::exception& x) {
        tap_->mishap(name_, std::string("exception: ") + x.what());
      } catch (...) {
        tap_->mishap(name_, "exception of an unknown type");
      }
      return caf::make_error(caf::sec::runtime_error, name_);
    });
    this->set_down_handler([this](caf::scheduled_actor*, caf::down_msg& d) {
      tap_->mishap(name_, "an actor it watched ended: " + caf::to_string(d.reason));
    });
    this->set_error_handler([this](caf::scheduled_actor*, caf::error& e) {
      tap_->mishap(name_, "error message: " + caf::to_string(e));
    });
  }

  const char* name() const override { return name_.c_str(); }

  using super::enqueue;
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* host) override {
    tap_->count();
    if (what->content().template match_elements<shut_down>()) {
      tap_->command(name_, "shut_down");
    }
    super::enqueue(std::move(what), host);
  }

protected:
  const std::string& label() const { return name_; }
  tap& taps() { return *tap_; }

  /// A function that may be called from any thread and runs `f` on this actor's turn, if the
  /// actor still lives then.
  template <class F>
  auto on_own_turn(F f) {
    return on_turn<caf::message_priority::high>(std::move(f));
  }

  /// The same, but after every message that was sent to this actor before.
  template <class F>
  auto after_what_came(F f) {
    return on_turn<caf::message_priority::normal>(std::move(f));
  }

  /// A function that may be called from any thread and sends this actor `Message{what}`, if it still
  /// lives then. It does not keep the actor alive: who holds it may be held by the actor.
  template <class Message>
  auto sink_of() {
    return [weak = caf::actor_cast<caf::weak_actor_ptr>(this)](auto what) {
      if (auto self = caf::actor_cast<caf::strong_actor_ptr>(weak)) {
        caf::anon_send(caf::actor_cast<caf::actor>(self), Message{std::move(what)});
      }
    };
  }

private:
  template <caf::message_priority priority, class F>
  auto on_turn(F f) {
    return [weak = caf::actor_cast<caf::weak_actor_ptr>(this),
            f = std::make_shared<F>(std::move(f))](auto... arguments) {
      if (auto self = caf::actor_cast<caf::strong_actor_ptr>(weak)) {
        caf::anon_send<priority>(
          caf::actor_cast<caf::actor>(self),
          task{[f, arguments...]() mutable { (*f)(std::move(arguments)...); }});
      }
    };
  }

  std::string name_;
  std::shared_ptr<tap> tap_;
};

} // namespace crossdock
