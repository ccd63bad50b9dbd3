/// Versions of one agent, for swaps: it counts what it sees of each key, in durable
/// memory and in its members, and sends it on as test.done. What a version does
/// otherwise, its version.c says.
#include <chrono>
#include <string_view>
#include <thread>

#include <crossdock/plugin.hpp>

using namespace crossdock::sdk;

extern "C" const char* const keeper_version;
extern "C" const char* const keeper_variant;

static bool is(std::string_view variant) {
  return keeper_variant == variant;
}

struct keeper : agent {
  static void declare(handlers<keeper>& h) {
    h.on("test.event", &keeper::seen);
    h.started(&keeper::begin);
    h.then("told", &keeper::told);
  }

  void begin(step& s) {
    auto memory = s.memory();
    if (is("fails_at_start"))
      throw host_error{CDK_E_RETRY, "told to fail at the start"};
    if (is("migrates")) {
      // From schema 1: "count" becomes "total".
      if (const auto old = memory.get("count", nullptr); !old.is_null()) {
        memory.put("total", old);
        memory.del("count");
      }
    }
  }

  void seen(step& s, const event& e) {
    if (is("fails"))
      throw std::runtime_error{"this version fails"};
    if (is("hangs"))
      std::this_thread::sleep_for(std::chrono::seconds{4});
    auto memory = s.memory();
    const char* total = is("migrates") ? "total" : "count";
    memory.put(total, memory.get(total, 0).get<int>() + 1);
    const auto last = "last/" + std::string{e.key()};
    const auto before = memory.get(last, -1);
    memory.put(last, e["n"]);
    ++seen_;
    if (e["ask"] == true) {
      s.ask("test.echo", {{"n", e["n"]}}, std::chrono::seconds{5})
          .then("told", {{"n", e["n"]}});
      return;
    }
    json done{{"key", e.key()}, {"n", e["n"]}, {"before", before}, {"seen", seen_}};
    if (is("otherwise"))
      done["n"] = e["n"].get<int>() % 2 == 0 ? e["n"].get<int>() : -1;
    done["version"] = keeper_version;
    s.send("test.done", done);
  }

  void told(step& s, const event& e, const json& saved) {
    s.send("test.done",
           {{"answer", e["n"]}, {"asked", saved["n"]}, {"version", keeper_version}});
  }

  std::string snapshot_bytes() override {
    return as_json_ ? component::snapshot_bytes()
                    : std::to_string(seen_) + "\n" + std::string(ballast_, 'x');
  }
  void restore_bytes(std::uint32_t schema, std::string_view saved) override {
    if (is("refuses_state"))
      throw host_error{CDK_E_VERSION, "this version reads no such state"};
    if (is("hangs_in_restore"))
      std::this_thread::sleep_for(std::chrono::seconds{4});
    if (as_json_)
      component::restore_bytes(schema, saved);
    else
      seen_ = std::stoi(std::string{saved.substr(0, saved.find('\n'))});
  }
  json snapshot() override {
    return {{"seen", seen_}, {"ballast", std::string(ballast_, 'x')}};
  }
  void restore(std::uint32_t, const json& saved) override {
    seen_ = saved.at("seen").get<int>();
  }
  void configure(const json& config) override {
    ballast_ = config.value("ballast", std::size_t{0});
    as_json_ = config.value("json", false);
  }

private:
  int seen_ = 0;
  std::size_t ballast_ = 0;
  bool as_json_ = false;
};
CROSSDOCK_AGENT("test.keeper", keeper)
