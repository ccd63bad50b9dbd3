#include "node/log.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace crossdock::node {
namespace {

using spdlog::memory_buf_t;

void put(memory_buf_t& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

std::string_view level_of(const spdlog::details::log_msg& m) {
  const auto name = spdlog::level::to_string_view(m.level);
  return {name.data(), name.size()};
}

std::string time_of(const spdlog::details::log_msg& m) {
  using namespace std::chrono;
  const auto since = duration_cast<milliseconds>(m.time.time_since_epoch()).count();
  auto text = to_rfc3339(timestamp(microseconds(since / 1000 * 1'000'000)));
  text.pop_back(); // the Z
  return text + fmt::format(".{:03}Z", since % 1000);
}

/// Control characters become what C writes for them: a sentence stays one line.
void put_plain(memory_buf_t& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      put(out, "\\n");
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      put(out, fmt::format("\\x{:02x}", static_cast<unsigned char>(c)));
    } else {
      out.push_back(c);
    }
  }
}

/// As it is if it cannot be mistaken, else quoted as in JSON.
void put_field(memory_buf_t& out, std::string_view name, std::string_view value) {
  if (value.empty()) {
    return;
  }
  out.push_back(' ');
  put(out, name);
  out.push_back('=');
  const bool plain = value.find_first_of(" \"=\\") == std::string_view::npos;
  if (plain) {
    put_plain(out, value);
  } else {
    put(out, to_text(json(value)));
  }
}

class text_format final : public spdlog::formatter {
public:
  void format(const spdlog::details::log_msg& m, memory_buf_t& out) override {
    const auto about = logging::scope::current();
    put(out, time_of(m));
    out.push_back(' ');
    m.color_range_start = out.size();
    put(out, fmt::format("{:<8}", level_of(m)));
    m.color_range_end = out.size();
    out.push_back(' ');
    put_plain(out, {m.payload.data(), m.payload.size()});
    put_field(out, "case", about.case_id);
    put_field(out, "trace", trace_id_of(about.traceparent));
    put_field(out, "component", about.component);
    if (!about.more.empty()) {
      put(out, " fields=");
      put_plain(out, about.more);
    }
    out.push_back('\n');
  }
  std::unique_ptr<formatter> clone() const override { return text_formatter(); }
};

class json_format final : public spdlog::formatter {
public:
  explicit json_format(std::string node) : node_(std::move(node)) {}

  void format(const spdlog::details::log_msg& m, memory_buf_t& out) override {
    const auto about = logging::scope::current();
    put(out, R"({"time":")");
    put(out, time_of(m));
    put(out, R"(","level":")");
    put(out, level_of(m));
    out.push_back('"');
    member(out, "node", node_);
    member(out, "message", {m.payload.data(), m.payload.size()});
    member(out, "case", about.case_id);
    member(out, "trace", trace_id_of(about.traceparent));
    member(out, "component", about.component);
    if (!about.more.empty()) {
      put(out, R"(,"fields":)");
      // A plugin's own words: what is no JSON is carried as a text.
      const auto parsed = parse_json(about.more);
      put(out, to_text(parsed ? *parsed : json(about.more)));
    }
    put(out, "}\n");
  }
  std::unique_ptr<formatter> clone() const override { return json_formatter(node_); }

private:
  static void member(memory_buf_t& out, std::string_view name, std::string_view value) {
    if (!value.empty()) {
      put(out, ",\"");
      put(out, name);
      put(out, "\":");
      put(out, to_text(json(value)));
    }
  }

  std::string node_;
};

} // namespace

std::unique_ptr<spdlog::formatter> text_formatter() {
  return std::make_unique<text_format>();
}

std::unique_ptr<spdlog::formatter> json_formatter(std::string node) {
  return std::make_unique<json_format>(std::move(node));
}

void set_up_log(const config& c) {
  auto log = spdlog::stderr_color_mt("crossdock");
  log->set_formatter(c.log_json ? json_formatter(c.name) : text_formatter());
  log->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(log));
  set_log_level(c.log_level);
}

void set_log_level(const std::string& level) {
  spdlog::set_level(spdlog::level::from_str(level));
}

} // namespace crossdock::node
