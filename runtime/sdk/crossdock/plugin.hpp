/// Write a crossdock plugin in C++17: agents and connectors with typed handlers and named
/// continuations over the C contract of abi.h.
///
///   struct greeter : agent {
///     static void declare(handlers<greeter>& h) { h.on("order.line", &greeter::seen); }
///     void seen(step& s, const event& e) { s.info("seen", {{"line", e["line"]}}); }
///   };
///   CROSSDOCK_AGENT("acme.greeter", greeter)
///
/// What is guaranteed: a handler's effects happen together when it returns, or not at all
/// when it throws; no exception leaves the plugin; instances share nothing.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cxxabi.h>
#include <memory>
#include <new>
#include <type_traits>
#include <typeinfo>

#include <crossdock/step.hpp>

namespace crossdock::sdk {

// -- components
// -----------------------------------------------------------------------------

/// What agents and connectors have in common. Override what you need; the defaults do
/// nothing.
class component {
public:
  component() = default;
  component(const component&) = delete;
  component& operator=(const component&) = delete;
  virtual ~component() = default;

  /// The configuration, when the instance is created and each time it changes. Throw
  /// bad_config to refuse it. Only log and metric may be used here.
  virtual void configure(const json& /*config*/) {}
  /// The cache in the members, to be carried across a swap; null: none.
  virtual json snapshot() { return nullptr; }
  /// Takes a snapshot() of this or an older version, before the first event. `schema` is
  /// the manifest's state schema that wrote it. Throw host_error{CDK_E_VERSION, ...} if
  /// unreadable.
  virtual void restore(std::uint32_t /*schema*/, const json& /*saved*/) {}
  /// The same as bytes of your own form, instead of these two: JSON of a megabyte takes
  /// some 10 ms each way, and the component pauses meanwhile. Empty: none.
  virtual std::string snapshot_bytes() {
    const auto saved = snapshot();
    return saved.is_null() ? std::string{} : saved.dump();
  }
  virtual void restore_bytes(std::uint32_t schema, std::string_view saved) {
    const auto state = json::parse(saved, nullptr, false);
    if (state.is_discarded())
      throw host_error{CDK_E_VERSION, "the snapshot is not JSON"};
    restore(schema, state);
  }
  /// Stop own threads and finish own calls by `deadline_ns`. reason: CDK_QUIESCE_*.
  virtual void quiesce(std::uint32_t /*reason*/, std::int64_t /*deadline_ns*/) {}
  virtual void resume() {}
  /// 0 alive, 1 configuration and dependencies, 2 self-test. Throw to fail; return a
  /// report.
  virtual json probe(std::uint32_t /*level*/) { return json::object(); }

  /// For any thread between creation and destruction.
  void log(level l, std::string_view message, const json& fields = json::object()) const {
    tables_->log(l, message, fields);
  }

protected:
  const detail::host_tables& tables() const { return *tables_; }

private:
  friend class detail_instance;
  const detail::host_tables* tables_ = nullptr;
};

/// Decides. Has no clock, thread or file of its own.
class agent : public component {};

/// Talks to a system outside.
class connector : public component {
public:
  /// From an own thread: hands {topic, id, key, payload} to intake. A `posted` event with
  /// `cookie` as its tag follows once it is durable. False: the queue is full, try later.
  bool post(const json& event, std::string_view cookie) const {
    const auto text = event.dump();
    const auto status =
        tables().host->post(tables().host, detail::bytes(text), detail::bytes(cookie));
    if (status == CDK_E_LIMIT)
      return false;
    detail::require(status, "post", event.value("topic", ""));
    return true;
  }
  /// From any thread: a connected stream socket to an endpoint that the manifest names and the
  /// operator granted; the caller closes it. In a sandbox there is no other way to connect.
  /// Errors: host_error with CDK_E_DENIED (not granted), CDK_E_RETRY (not reachable now).
  int connect(std::string_view endpoint) const {
    std::int32_t descriptor = -1;
    const auto& table = detail::granted(tables().net, CDK_CAP_NET);
    detail::require(table.connect(tables().host, detail::str(endpoint), &descriptor), "connect",
                    std::string{endpoint});
    return descriptor;
  }
  /// From an own thread: a `posted` event with `cookie` as its tag follows at once and
  /// leaves no record. For "look now, there is something new". False: try later.
  bool wake(std::string_view cookie) const {
    const auto status = tables().host->post(tables().host, {}, detail::bytes(cookie));
    if (status == CDK_E_LIMIT)
      return false;
    detail::require(status, "wake", "");
    return true;
  }
};

// -- handlers
// -------------------------------------------------------------------------------

namespace detail {

using handler = std::function<void(component&, step&, const event&)>;
using continuation_handler =
    std::function<void(component&, step&, const event&, const json&)>;

/// Who handles what. "*" stands for every name that is not listed.
struct handler_table {
  std::map<std::string, handler> messages, questions, calls, lookups;
  std::map<std::string, continuation_handler> continuations;
  handler started, decided, posted, configured;

  static const handler* find(const std::map<std::string, handler>& in,
                             const std::string& name) {
    auto it = in.find(name);
    if (it == in.end())
      it = in.find("*");
    return it == in.end() ? nullptr : &it->second;
  }
};

} // namespace detail

/// Filled by T::declare(handlers<T>&): which method handles what.
template <class T>
class handlers {
public:
  using method = void (T::*)(step&, const event&);
  using short_method = void (T::*)(step&);
  using continuation = void (T::*)(step&, const event&, const json&);

  explicit handlers(detail::handler_table& into) : table_{into} {}

  /// Events on a topic.
  void on(const std::string& topic, method m) { set(table_.messages, topic, m); }
  /// A question; reply to it or defer.
  void answers(const std::string& question, method m) {
    set(table_.questions, question, m);
  }
  /// A connector's tool; reply to it or defer.
  void call(const std::string& tool, method m) { set(table_.calls, tool, m); }
  /// Whether the write with e.idempotency_key() was done: reply with its result, or with
  /// outcome::not_found if it certainly was not.
  void lookup(const std::string& tool, method m) { set(table_.lookups, tool, m); }
  /// What continues with an answer, a decision or a timer. The name lives in durable
  /// records: keep it when the method is renamed.
  void then(const std::string& name, continuation m) {
    if (!table_.continuations
             .emplace(name,
                      [m](component& c, step& s, const event& e, const json& saved) {
                        (static_cast<T&>(c).*m)(s, e, saved);
                      })
             .second)
      throw std::logic_error{"continuation '" + name + "' is declared twice"};
  }
  /// Once per activation, before everything else.
  void started(method m) { table_.started = wrap(m); }
  void started(short_method m) {
    table_.started = [m](component& c, step& s, const event&) {
      (static_cast<T&>(c).*m)(s);
    };
  }
  /// What became of a proposal that named no continuation.
  void decided(method m) { table_.decided = wrap(m); }
  /// Something handed in with connector::post is durable; e.tag_bytes() is the cookie.
  void posted(method m) { table_.posted = wrap(m); }
  /// The configuration changed; s.config() is the new one.
  void configured(method m) { table_.configured = wrap(m); }

private:
  static detail::handler wrap(method m) {
    return [m](component& c, step& s, const event& e) { (static_cast<T&>(c).*m)(s, e); };
  }
  static void set(std::map<std::string, detail::handler>& in, const std::string& name,
                  method m) {
    if (!in.emplace(name, wrap(m)).second)
      throw std::logic_error{"'" + name + "' is declared twice"};
  }

  detail::handler_table& table_;
};

// -- instances
// ------------------------------------------------------------------------------

namespace detail {

/// How to make one component; one per CROSSDOCK_AGENT or CROSSDOCK_CONNECTOR.
struct descriptor {
  const char* id;
  std::unique_ptr<component> (*make)(handler_table&);
  const descriptor* next = nullptr;
};

template <class T>
std::unique_ptr<component> make_component(handler_table& table) {
  static_assert(std::is_base_of_v<component, T>,
                "a component derives from crossdock::sdk::agent or connector");
  handlers<T> declared{table};
  T::declare(declared);
  return std::make_unique<T>();
}

} // namespace detail

/// One instance behind the C table: the component, its handlers and its configuration.
class detail_instance {
public:
  detail_instance(const detail::descriptor& d, const cdk_host* host, json config)
      : id_{d.id}, tables_{host},
        config_(std::move(config)), component_{d.make(handlers_)} {
    component_->tables_ = &tables_;
    component_->configure(config_);
  }

  component& get() { return *component_; }

  /// Runs the handler of one event. Throws what the handler throws.
  cdk_status handle(cdk_step* raw, const cdk_event& raw_event) {
    const event e{raw_event};
    if (raw_event.kind == CDK_EV_CONFIG)
      return reconfigure(raw, e);
    return dispatch(raw, e);
  }

private:
  cdk_status reconfigure(cdk_step* raw, const event& e) {
    json before = std::exchange(config_, e.payload());
    bool taken = false;
    try {
      component_->configure(config_);
      taken = true;
      return dispatch(raw, e);
    } catch (...) {
      config_ = std::move(before);
      if (taken) // and refused only then: the members must follow
        component_->configure(config_);
      throw;
    }
  }

  cdk_status dispatch(cdk_step* raw, const event& e) {
    step s{raw,
           tables_,
           e,
           config_,
           id_,
           [this](const std::string& n) { return handlers_.continuations.count(n) != 0; }};
    if (const auto* h = handler_of(e)) {
      if (!*h)
        return CDK_SKIPPED;
      (*h)(*component_, s, e);
      return s.finish();
    }
    return continue_with(s, e);
  }

  /// The handler for the event, an empty one if there is none, NULL if a continuation is
  /// due.
  const detail::handler* handler_of(const event& e) const {
    static const detail::handler none;
    const auto pick = [&](const std::map<std::string, detail::handler>& in) {
      const auto* found = detail::handler_table::find(in, e.topic());
      return found ? found : &none;
    };
    switch (e.kind()) {
    case CDK_EV_START:
      return &handlers_.started;
    case CDK_EV_MESSAGE:
      return pick(handlers_.messages);
    case CDK_EV_ASK:
      return pick(handlers_.questions);
    case CDK_EV_CALL:
      return pick(handlers_.calls);
    case CDK_EV_LOOKUP:
      return pick(handlers_.lookups);
    case CDK_EV_RESULT:
    case CDK_EV_TIMER:
      return nullptr;
    case CDK_EV_DECISION:
      return e.tag().is_object() && e.tag().contains("then") ? nullptr
                                                             : &handlers_.decided;
    case CDK_EV_POSTED:
      return &handlers_.posted;
    case CDK_EV_CONFIG:
      return handlers_.configured ? &handlers_.configured : &accepted();
    default:
      return &none;
    }
  }
  static const detail::handler& accepted() {
    static const detail::handler nothing_to_do = [](component&, step&, const event&) {};
    return nothing_to_do;
  }

  cdk_status continue_with(step& s, const event& e) {
    const auto& tag = e.tag();
    const auto name = tag.is_object() ? tag.value("then", "") : std::string{};
    const auto found = handlers_.continuations.find(name);
    if (found == handlers_.continuations.end())
      throw reject{id_ + " has no continuation '" + name + "' for the answer to " +
                   e.topic()};
    static const json nothing;
    found->second(*component_, s, e, tag.contains("saved") ? tag.at("saved") : nothing);
    return s.finish();
  }

  std::string id_;
  detail::host_tables tables_;
  json config_;
  detail::handler_table handlers_;
  std::unique_ptr<component> component_;
};

// -- the barrier
// ------------------------------------------------------------------------------

namespace detail {

/// Fills the caller's error as far as its struct_size reaches.
inline cdk_status fail(cdk_error* error, cdk_status code, std::string_view text,
                       std::uint32_t retry_after_ms = 0) noexcept {
  constexpr auto whole = offsetof(cdk_error, message) + sizeof(cdk_error::message);
  if (!error || error->struct_size < whole)
    return code;
  auto length = text.size() < sizeof error->message ? text.size() : sizeof error->message;
  // A text that was cut must not end inside a UTF-8 sequence.
  if (length < text.size())
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0u) == 0x80u)
      --length;
  for (std::size_t i = 0; i < length; ++i)
    error->message[i] = text[i];
  error->message_len = static_cast<std::uint32_t>(length);
  error->code = code;
  error->retry_after_ms = retry_after_ms;
  return code;
}

inline std::string exception_text(const char* what) {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (!type)
    return what;
  int failed = 0;
  const std::unique_ptr<char, void (*)(void*)> name{
      abi::__cxa_demangle(type->name(), nullptr, nullptr, &failed), std::free};
  return std::string{failed == 0 && name ? name.get() : type->name()} + ": " + what;
}

inline cdk_status translate_current(cdk_error* error) {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return fail(error, CDK_E_RETRY, "out of memory");
  } catch (const retry_later& e) {
    return fail(error, CDK_E_RETRY, e.what(), e.after_ms());
  } catch (const reject& e) {
    return fail(error, CDK_E_REJECT, e.what());
  } catch (const fatal& e) {
    return fail(error, CDK_E_FATAL, e.what());
  } catch (const bad_config& e) {
    return fail(error, CDK_E_INVALID, e.what());
  } catch (const host_error& e) {
    return fail(error, e.code(), e.what());
  } catch (const std::exception& e) {
    return fail(error, CDK_E_EXCEPTION, exception_text(e.what()));
  } catch (...) {
    return fail(error, CDK_E_EXCEPTION, exception_text("not a std::exception"));
  }
}

/// Runs `body` so that nothing it throws leaves the plugin.
template <class Body>
cdk_status guarded(cdk_error* error, Body&& body) noexcept {
  try {
    return body();
  } catch (...) {
    try {
      return translate_current(error);
    } catch (...) {
      return fail(error, CDK_E_RETRY, "out of memory");
    }
  }
}

// -- the C table
// --------------------------------------------------------------------------------

inline const descriptor*& registered() {
  static const descriptor* first = nullptr;
  return first;
}

/// Puts a descriptor on the list when the file is loaded.
struct registrar {
  explicit registrar(descriptor& d) {
    d.next = registered();
    registered() = &d;
  }
};

inline detail_instance& instance(cdk_instance* raw) {
  return *reinterpret_cast<detail_instance*>(raw);
}

inline cdk_status create(const descriptor& d, const cdk_host* host, cdk_bytes config,
                         cdk_instance** out) {
  const auto text = view(config);
  auto parsed = text.empty() ? json::object()
                             : json::parse(text.begin(), text.end(), nullptr, false);
  if (!parsed.is_object())
    throw bad_config{std::string{"the configuration of "} + d.id +
                     " is not a JSON object"};
  *out = reinterpret_cast<cdk_instance*>(
      std::make_unique<detail_instance>(d, host, std::move(parsed)).release());
  return CDK_OK;
}

inline cdk_status create_named(const cdk_host* host, cdk_str component, cdk_bytes config,
                               cdk_instance** out, cdk_error* error) noexcept {
  return guarded(error, [&] {
    for (const auto* d = registered(); d; d = d->next)
      if (view(component) == d->id)
        return create(*d, host, config, out);
    return fail(error, CDK_E_ABSENT,
                "this plugin has no component '" + std::string{view(component)} + "'");
  });
}

/// What every host of major 1 passes at least; what later minors append is read with CDK_HAS.
constexpr auto event_bytes_1_0 = offsetof(cdk_event, tag) + sizeof(cdk_event::tag);

inline cdk_status handle(cdk_instance* i, cdk_step* s, const cdk_event* e,
                         cdk_error* error) noexcept {
  return guarded(error, [&] {
    if (!e || e->struct_size < event_bytes_1_0)
      return fail(error, CDK_E_INVALID, "the host's event is smaller than contract 1.0");
    return instance(i).handle(s, *e);
  });
}

inline cdk_status snapshot(cdk_instance* i, const cdk_writer* w,
                           cdk_error* error) noexcept {
  return guarded(error, [&] {
    const auto text = instance(i).get().snapshot_bytes();
    for (std::size_t at = 0; at < text.size();) {
      const auto taken = w->write(w->ctx, text.data() + at, text.size() - at);
      if (taken <= 0)
        return fail(error, CDK_E_LIMIT, "the host stopped taking the snapshot");
      at += static_cast<std::size_t>(taken);
    }
    return CDK_OK;
  });
}

inline cdk_status restore(cdk_instance* i, std::uint32_t schema, const cdk_reader* r,
                          cdk_error* error) noexcept {
  return guarded(error, [&] {
    std::string text;
    for (char part[65536];;) {
      const auto given = r->read(r->ctx, part, sizeof part);
      if (given < 0)
        return fail(error, CDK_E_RETRY, "the host could not read the snapshot");
      if (given == 0)
        break;
      text.append(part, static_cast<std::size_t>(given));
    }
    if (text.empty())
      return CDK_OK;
    instance(i).get().restore_bytes(schema, text);
    return CDK_OK;
  });
}

inline cdk_status quiesce(cdk_instance* i, std::uint32_t reason, std::int64_t deadline_ns,
                          cdk_error* error) noexcept {
  return guarded(error, [&] {
    instance(i).get().quiesce(reason, deadline_ns);
    return CDK_OK;
  });
}

inline cdk_status resume(cdk_instance* i, cdk_error* error) noexcept {
  return guarded(error, [&] {
    instance(i).get().resume();
    return CDK_OK;
  });
}

inline cdk_status probe(cdk_instance* i, std::uint32_t depth, const cdk_writer* report,
                        cdk_error* error) noexcept {
  return guarded(error, [&] {
    const auto text = instance(i).get().probe(depth).dump();
    for (std::size_t at = 0; report && at < text.size();) {
      const auto taken = report->write(report->ctx, text.data() + at, text.size() - at);
      if (taken <= 0)
        break;
      at += static_cast<std::size_t>(taken);
    }
    return CDK_OK;
  });
}

inline void destroy(cdk_instance* i) noexcept {
  const std::unique_ptr<detail_instance> last{&instance(i)};
}

inline const void* no_extension(cdk_instance*, cdk_str) noexcept {
  return nullptr;
}

inline const cdk_plugin* table() noexcept {
  static constexpr cdk_plugin t = {
      sizeof(cdk_plugin), 0,       &create_named, &handle,  &snapshot,    &restore,
      &quiesce,           &resume, &probe,        &destroy, &no_extension};
  return &t;
}

} // namespace detail
} // namespace crossdock::sdk

/// The oldest host that the plugin runs on; plugin.toml says the same in abi.min_host_minor.
#ifndef CDK_MIN_HOST_MINOR
#define CDK_MIN_HOST_MINOR 0
#endif

#define CROSSDOCK_SDK_CONCAT_(a, b) a##b
#define CROSSDOCK_SDK_CONCAT(a, b) CROSSDOCK_SDK_CONCAT_(a, b)
#define CROSSDOCK_SDK_COMPONENT(component_id, type, n)                                   \
  static ::crossdock::sdk::detail::descriptor CROSSDOCK_SDK_CONCAT(                      \
      crossdock_component_, n) = {component_id,                                          \
                                  &::crossdock::sdk::detail::make_component<type>};      \
  static const ::crossdock::sdk::detail::registrar CROSSDOCK_SDK_CONCAT(                 \
      crossdock_registrar_, n){CROSSDOCK_SDK_CONCAT(crossdock_component_, n)};

/// Makes `type` known under its component id of plugin.toml. At namespace scope.
#define CROSSDOCK_AGENT(component_id, type)                                              \
  static_assert(std::is_base_of<::crossdock::sdk::agent, type>::value,                   \
                #type " does not derive from crossdock::sdk::agent");                    \
  CROSSDOCK_SDK_COMPONENT(component_id, type, __COUNTER__)
#define CROSSDOCK_CONNECTOR(component_id, type)                                          \
  static_assert(std::is_base_of<::crossdock::sdk::connector, type>::value,               \
                #type " does not derive from crossdock::sdk::connector");                \
  CROSSDOCK_SDK_COMPONENT(component_id, type, __COUNTER__)

/// The one exported function. Weak, so that every source file of a plugin may include
/// this.
extern "C" __attribute__((weak, used)) CDK_EXPORT const cdk_entry*
crossdock_plugin_v1(void) {
  static const cdk_entry entry = {CDK_MAGIC,
                                  sizeof(cdk_entry),
                                  CDK_ABI_MAJOR,
                                  CDK_TARGET_MINOR,
                                  CDK_MIN_HOST_MINOR,
                                  0,
                                  ::crossdock::sdk::detail::table()};
  return &entry;
}
