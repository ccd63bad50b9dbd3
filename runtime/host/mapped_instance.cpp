#include "host/mapped_instance.hpp"

#include <algorithm>
#include <cstring>

namespace crossdock::host {

/// Holds everything the plugin has pointers to; its address never changes.
struct mapped_instance::tables {
  cdk_host host{};
  cdk_limits limits{};
  cdk_tool tool{};
  cdk_propose propose{};
  cdk_memory memory{};
  cdk_net net{};
  instance_host callbacks;
  connector_function connect;
  std::shared_ptr<const component> what;
};

namespace {

cdk_error make_error() {
  cdk_error e{};
  e.struct_size = sizeof e;
  return e;
}

std::string text_of(const cdk_error& e) {
  return {e.message, std::min<std::size_t>(e.message_len, sizeof e.message)};
}

/// What a function of the plugin says of itself, as our error.
result<void> outcome(cdk_status status, const cdk_error& e, const char* where) {
  if (status >= 0) {
    return {};
  }
  const auto why = clean_text(text_of(e), sizeof e.message);
  return error(status == CDK_E_VERSION ? errc::version : errc::plugin,
               std::string(where) + ": " +
                   (why.empty() ? "status " + std::to_string(status) : why));
}

/// Takes at most `most` bytes.
template <std::size_t most>
cdk_writer writer_to(std::string& out) {
  return {&out, [](void* ctx, const void* data, std::uint64_t len) {
            auto& text = *static_cast<std::string*>(ctx);
            if (len > most || text.size() + len > most) {
              return std::int64_t{-1};
            }
            text.append(static_cast<const char*>(data), len);
            return static_cast<std::int64_t>(len);
          }};
}

/// No exception of the host may enter a plugin's frames, nor the other way round.
template <class F>
cdk_status guarded(F f) noexcept {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    return CDK_E_LIMIT;
  } catch (...) {
    return CDK_E_INVALID;
  }
}

} // namespace

result<std::shared_ptr<mapped_instance>>
mapped_instance::create(std::shared_ptr<const component> what,
                        std::shared_ptr<const plugin_image> image, instance_host host,
                        connector_function connect) {
  std::shared_ptr<mapped_instance> out(new mapped_instance);
  out->component_ = what;
  out->tables_ = std::make_unique<tables>();
  auto& t = *out->tables_;
  t.what = what;
  t.callbacks = std::move(host);
  t.connect = std::move(connect);

  const auto& l = what->limits;
  t.limits = {sizeof(cdk_limits),
              64,
              l.payload_bytes_max,
              l.effects_max,
              l.effect_bytes_max,
              l.tag_bytes_max,
              l.memory_bytes_max,
              l.memory_value_bytes_max,
              snapshot_bytes_max,
              static_cast<std::uint64_t>(l.step_soft.count()),
              static_cast<std::uint64_t>(l.step_hard.count())};
  t.tool.struct_size = sizeof t.tool;
  t.tool.call = [](cdk_step* s, cdk_str name, cdk_bytes args, std::uint64_t timeout_ms,
                   cdk_bytes tag, std::uint64_t* id) -> cdk_status {
    return guarded([&] { return s->self->call(name, args, timeout_ms, tag, id); });
  };
  t.propose.struct_size = sizeof t.propose;
  t.propose.propose = [](cdk_step* s, const cdk_proposal* p, std::uint64_t* id) -> cdk_status {
    return guarded([&] { return s->self->propose(p, id); });
  };
  t.memory.struct_size = sizeof t.memory;
  t.memory.get = [](cdk_step* s, cdk_str key, cdk_bytes* value) -> cdk_status {
    return guarded([&] { return s->self->memory_get(key, value); });
  };
  t.memory.put = [](cdk_step* s, cdk_str key, cdk_bytes value,
                    std::uint64_t ttl_s) -> cdk_status {
    return guarded([&] { return s->self->memory_put(key, value, ttl_s); });
  };
  t.memory.del = [](cdk_step* s, cdk_str key) -> cdk_status {
    return guarded([&] { return s->self->memory_del(key); });
  };
  t.memory.scan = [](cdk_step* s, cdk_str prefix, void* ctx,
                     std::int32_t (*visit)(void*, cdk_str, cdk_bytes)) -> cdk_status {
    return guarded([&] { return s->self->memory_scan(prefix, ctx, visit); });
  };
  t.net.struct_size = sizeof t.net;
  t.net.connect = [](const cdk_host* self, cdk_str endpoint, std::int32_t* fd) -> cdk_status {
    return guarded([&] {
      int descriptor = -1;
      const auto status =
        static_cast<tables*>(self->ctx)->connect(view(endpoint), descriptor);
      *fd = descriptor;
      return status;
    });
  };

  auto& h = t.host;
  h.struct_size = sizeof h;
  h.abi_major = CDK_ABI_MAJOR;
  h.abi_minor = CDK_ABI_MINOR;
  h.ctx = &t;
  h.get_extension = [](const cdk_host* self, cdk_str id) -> const void* {
    const auto* table = static_cast<const tables*>(self->ctx);
    const std::string name(view(id));
    if (name == CDK_CAP_LIMITS) {
      return &table->limits;
    }
    if (!table->what->capabilities.contains(name)) {
      return nullptr;
    }
    if (name == CDK_CAP_TOOL) {
      return &table->tool;
    }
    if (name == CDK_CAP_PROPOSE) {
      return &table->propose;
    }
    if (name == CDK_CAP_NET && table->connect) {
      return &table->net;
    }
    return name == CDK_CAP_MEMORY ? &table->memory : nullptr;
  };
  h.log = [](const cdk_host* self, std::uint32_t level, cdk_str message, cdk_str fields) {
    guarded([&] {
      static_cast<tables*>(self->ctx)->callbacks.log(level, view(message), view(fields));
      return CDK_OK;
    });
  };
  h.metric = [](const cdk_host* self, std::uint32_t kind, cdk_str name, double value, cdk_str) {
    guarded([&] {
      static_cast<tables*>(self->ctx)->callbacks.metric(kind, view(name), value);
      return CDK_OK;
    });
  };
  h.post = [](const cdk_host* self, cdk_bytes event, cdk_bytes cookie) -> cdk_status {
    return guarded([&] {
      return static_cast<tables*>(self->ctx)->callbacks.post(std::string(view(event)), std::string(view(cookie)));
    });
  };
  h.send = [](cdk_step* s, cdk_str topic, cdk_str id, cdk_str key,
              cdk_bytes payload) -> cdk_status {
    return guarded([&] { return s->self->send(topic, id, key, payload); });
  };
  h.ask = [](cdk_step* s, cdk_str question, cdk_bytes payload, std::uint64_t timeout_ms,
             cdk_bytes tag, std::uint64_t* id) -> cdk_status {
    return guarded([&] { return s->self->ask(question, payload, timeout_ms, tag, id); });
  };
  h.reply = [](cdk_step* s, std::uint64_t token, cdk_status code,
               cdk_bytes payload) -> cdk_status {
    return guarded([&] { return s->self->reply(token, code, payload); });
  };
  h.timer = [](cdk_step* s, std::uint64_t delay_ms, cdk_bytes tag,
               std::uint64_t* id) -> cdk_status {
    return guarded([&] { return s->self->timer(delay_ms, tag, id); });
  };
  h.cancel = [](cdk_step* s, std::uint64_t id) -> cdk_status {
    return guarded([&] { return s->self->cancel(id); });
  };
  h.random = [](cdk_step* s, void* bytes, std::uint64_t len) -> cdk_status {
    return guarded([&] { return s->self->random(bytes, len); });
  };

  out->plugin_ = image->table();
  auto e = make_error();
  const auto status = out->plugin_->create(&t.host, to_abi(what->name), to_abi_bytes(what->config),
                                    &out->object_, &e);
  if (status != CDK_OK || out->object_ == nullptr) {
    out->object_ = nullptr;
    return error(errc::plugin, "the component \"" + what->name + "\" could not be created: " +
                                 (e.message_len > 0 ? text_of(e)
                                                    : "status " + std::to_string(status)));
  }
  return out;
}

mapped_instance::~mapped_instance() {
  if (object_ != nullptr && !leaked_) {
    plugin_->destroy(object_);
  }
  if (leaked_) {
    // A hung thread may still call through the tables: they outlive everything.
    static_cast<void>(tables_.release());
  }
}

void mapped_instance::handle(step& s, const cdk_event& event) {
  auto e = make_error();
  cdk_step handle{&s};
  s.status = plugin_->handle(object_, &handle, &event, &e);
  if (s.status < 0) {
    s.message = clean_text(text_of(e), sizeof e.message);
    s.retry_after_ms = e.retry_after_ms;
  }
}

result<void> mapped_instance::quiesce(std::uint32_t reason, std::int64_t deadline_ns) {
  if (!CDK_HAS(plugin_, quiesce)) {
    return {};
  }
  auto e = make_error();
  return outcome(plugin_->quiesce(object_, reason, deadline_ns, &e), e, "quiesce()");
}

result<void> mapped_instance::resume() {
  if (!CDK_HAS(plugin_, resume)) {
    return {};
  }
  auto e = make_error();
  return outcome(plugin_->resume(object_, &e), e, "resume()");
}

result<std::string> mapped_instance::snapshot() {
  std::string out;
  if (!CDK_HAS(plugin_, snapshot)) {
    return out;
  }
  auto e = make_error();
  const auto writer = writer_to<snapshot_bytes_max>(out);
  if (auto r = outcome(plugin_->snapshot(object_, &writer, &e), e, "snapshot()"); !r) {
    return std::move(r).error();
  }
  return out;
}

result<void> mapped_instance::restore(std::uint32_t state_schema, std::string_view state,
                                      const memory_view&) {
  if (state.empty()) {
    return {};
  }
  if (!CDK_HAS(plugin_, restore)) {
    return error(errc::version, "it has a state to carry over, and the plugin takes none");
  }
  auto e = make_error();
  cdk_reader reader{&state, [](void* ctx, void* data, std::uint64_t len) {
                      auto& rest = *static_cast<std::string_view*>(ctx);
                      const auto n = std::min<std::size_t>(rest.size(), len);
                      std::memcpy(data, rest.data(), n);
                      rest.remove_prefix(n);
                      return static_cast<std::int64_t>(n);
                    }};
  return outcome(plugin_->restore(object_, state_schema, &reader, &e), e, "restore()");
}

cdk_status mapped_instance::probe(std::uint32_t level, std::string& report) {
  if (!CDK_HAS(plugin_, probe)) {
    return CDK_OK;
  }
  auto e = make_error();
  const auto writer = writer_to<(1u << 20)>(report);
  const auto status = plugin_->probe(object_, level, &writer, &e);
  if (status < 0 && report.empty()) {
    report = text_of(e);
  }
  return status;
}

} // namespace crossdock::host
