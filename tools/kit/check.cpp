// check: what a node or an operator would find wrong with a plugin file. Level 1 reads
// the file; the others run its code, each test in a child process of its own.
#include "sdk/manifest/check.hpp"
#include "kit/allocations.hpp"
#include "kit/child.hpp"
#include "kit/commands.hpp"

#include <crossdock/testing.hpp>

#include <fmt/format.h>

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>

namespace crossdock::kit {
namespace {

namespace fs = std::filesystem;
namespace fake = crossdock::sdk::testing;
using crossdock::sdk::detail::bytes;
using crossdock::sdk::detail::str;

constexpr int level_max = 5;
constexpr unsigned test_seconds = 10;
constexpr std::int64_t leak_bytes_max = 64 << 10; ///< over hundreds of repetitions

struct check_words {
  std::string plugin;
  int level = level_max;
  std::uint64_t seed = 0;
  bool seeded = false;
  std::vector<std::string> only;
  std::vector<std::string> configs; ///< COMPONENT=FILE
  std::string junit;
  std::vector<std::string> imports;
  std::string catalogue; ///< folder; empty: none
};

/// A component under test.
struct subject {
  const fake::loaded_plugin& plugin;
  json entry; ///< of the manifest
  json config;
  std::uint64_t seed;
  whereabouts& at;
  /// What the catalogue says a payload of this name is, where there is one.
  const std::map<std::string, json>& samples;

  std::string id() const { return entry.at("id").get<std::string>(); }
  std::unique_ptr<fake::fake_node> node() const {
    return std::make_unique<fake::fake_node>(plugin, id(), config);
  }
};

/// Empty if it holds; else what is wrong and what to change.
using verdict = std::string;
using body = std::function<verdict(subject&)>;

struct test {
  int level;
  const char* name;
  const char* what;
  body run;
};

// -- what plugins are given
// ----------------------------------------------------------------------------

/// The least that a JSON Schema accepts, as far as it can be told from it.
json sample_of(const json& schema, const json& definitions = json::object()) {
  if (!schema.is_object()) {
    return json::object();
  }
  if (const auto name = text_or(schema, "$ref"); name.starts_with("#/definitions/")) {
    return sample_of(definitions.value(name.substr(14), json()), definitions);
  }
  if (schema.contains("const")) {
    return schema.at("const");
  }
  if (schema.contains("examples") && !schema.at("examples").empty()) {
    return schema.at("examples").front();
  }
  if (schema.contains("default")) {
    return schema.at("default");
  }
  if (schema.contains("enum") && !schema.at("enum").empty()) {
    return schema.at("enum").front();
  }
  const auto type = text_or(schema, "type", "object");
  if (type == "string") {
    const auto format = text_or(schema, "format");
    if (format == "date-time") {
      return "2026-11-26T08:00:00Z";
    }
    if (format == "date") {
      return "2026-12-01";
    }
    if (text_or(schema, "pattern").find("[0-9]") != std::string::npos) {
      return "1"; // a decimal, as a rule
    }
    return std::string(schema.value("minLength", std::size_t{1}), 'x');
  }
  if (type == "integer" || type == "number") {
    return schema.contains("minimum") ? schema.at("minimum") : json(1);
  }
  if (type == "boolean") {
    return false;
  }
  if (type == "array") {
    return json::array();
  }
  auto out = json::object();
  const auto required = schema.value("required", json::array());
  const auto properties = schema.value("properties", json::object());
  for (const auto& name : required) {
    out[name.get<std::string>()] =
        sample_of(properties.value(name.get<std::string>(), json()), definitions);
  }
  return out;
}

struct input {
  std::uint32_t kind;
  std::string name;
};

/// Everything that a node may send to the component by its manifest.
std::vector<input> inputs_of(const json& entry) {
  std::vector<input> out;
  const auto add = [&](const char* list, const char* member, std::uint32_t kind) {
    const auto all = entry.value(list, json::array());
    for (const auto& one : all) {
      out.push_back(
          {kind, one.is_object() ? text_or(one, member) : one.get<std::string>()});
    }
  };
  add("consumes", "topic", CDK_EV_MESSAGE);
  add("answers", "question", CDK_EV_ASK);
  add("offers", "tool", CDK_EV_CALL);
  return out;
}

/// Payloads that nobody should send and somebody will.
std::vector<std::pair<const char*, std::string>> odd_payloads() {
  std::string deep(400, '[');
  deep += std::string(400, ']');
  return {{"an empty payload", ""},
          {"null", "null"},
          {"a list", "[]"},
          {"an empty object", "{}"},
          {"a number", "-1e400"},
          {"half of an object", "{\"item\": \"SH"},
          {"invalid UTF-8", "{\"item\": \"\xff\xfe\xc0\"}"},
          {"members of another type",
           "{\"item\":[],\"line\":1,\"quantity\":{},\"site\":null,\"customer\":true}"},
          {"400 levels of nesting", deep},
          {"a text of 1 MiB", "{\"item\": \"" + std::string(1 << 20, 'x') + "\"}"}};
}

std::string plausible_payload(int variant) {
  return json{{"line", fmt::format("SO-{}/1", variant)},
              {"order", fmt::format("SO-{}", variant)},
              {"customer", "C-1"},
              {"item", variant % 2 == 0 ? "SHOVEL" : "RAKE"},
              {"site", "B1"},
              {"quantity", "10"},
              {"unit", "ea"},
              {"unit_price", {{"amount", "19.90"}, {"currency", "EUR"}}},
              {"requested_date", "2026-12-01"},
              {"promised_date", "2026-12-01"},
              {"entered_at", "2026-11-26T08:00:00Z"},
              {"state", "open"},
              {"shipped_quantity", "0"},
              {"system", "erp"},
              {"record", "line/1"},
              {"as_of", "2026-11-26T08:00:00Z"}}
      .dump();
}

/// Bytes in a page that cannot be written: who scribbles on an input crashes here.
class read_only {
public:
  explicit read_only(std::string_view text)
      : size_((text.size() + 4096) / 4096 * 4096), text_(text.size()) {
    page_ = static_cast<char*>(::mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    std::copy(text.begin(), text.end(), page_);
    ::mprotect(page_, size_, PROT_READ);
  }
  ~read_only() { ::munmap(page_, size_); }
  read_only(const read_only&) = delete;
  read_only& operator=(const read_only&) = delete;
  cdk_bytes payload() const { return bytes(std::string_view(page_, text_)); }

private:
  std::size_t size_;
  std::size_t text_;
  char* page_;
};

/// The status is the plugin's business: it may refuse what it cannot use. That it comes
/// back, and leaves the memory alone, is ours.
cdk_status give(fake::fake_node& node, const input& to, std::string_view payload) {
  const read_only bytes_of(payload);
  auto e = node.event(to.kind);
  e.topic = str(to.name);
  e.key = str("key-1");
  e.id = str("event-1");
  e.idempotency_key =
      str(to.kind == CDK_EV_CALL ? "cd-0123456789abcdef0123456789abcdef" : "");
  e.token = to.kind == CDK_EV_MESSAGE ? 0 : 7;
  e.payload = bytes_of.payload();
  return node.give(e);
}

std::int64_t in_use() {
  const auto m = ::mallinfo2();
  return static_cast<std::int64_t>(m.uordblks) + static_cast<std::int64_t>(m.hblkhd);
}

/// Repeats `once` and looks how much more memory is in use afterwards.
verdict no_leak(const std::function<void()>& once, int warm_up, int times,
                const char* of_what) {
  for (int i = 0; i < warm_up; ++i) {
    once();
  }
  const auto before = in_use();
  for (int i = 0; i < times; ++i) {
    once();
  }
  const auto more = in_use() - before;
  return more <= leak_bytes_max
             ? verdict()
             : fmt::format(
                   "{} {} leave {} KiB behind: free in destroy() what create() and the "
                   "steps allocated",
                   times, of_what, more >> 10);
}

// -- level 2: life
// ----------------------------------------------------------------------------------

struct made {
  cdk_status status;
  cdk_instance* instance = nullptr;
  std::string message;
};

/// create() as a host does it, with a table of a node that stays.
made create_with(subject& s, const fake::fake_node& host_of, std::string_view component,
                 std::string_view config) {
  made out{};
  cdk_error e{};
  e.struct_size = sizeof e;
  out.status = s.plugin.entry->plugin->create(host_of.host(), str(component),
                                              bytes(config), &out.instance, &e);
  out.message.assign(e.message, std::min<std::size_t>(e.message_len, sizeof e.message));
  return out;
}

verdict bad_config(subject& s) {
  const auto host = s.node();
  for (const std::string_view text :
       {"{", "[1,2]", "\"text\"", "", "\xff\xfe", "{\"no_such_key\": 1}"}) {
    s.at.say(fmt::format("while it was created with the configuration {}", text));
    auto m = create_with(s, *host, s.id(), text);
    if (m.status < 0 && m.instance != nullptr) {
      return "create() failed and gave an instance all the same: set *out only on "
             "success";
    }
    if (m.status >= 0 && m.instance == nullptr) {
      return "create() said it is done and gave no instance";
    }
    if (m.instance != nullptr) {
      s.plugin.entry->plugin->destroy(m.instance);
    }
  }
  return {};
}

verdict unknown_component(subject& s) {
  const auto host = s.node();
  s.at.say("while a component that it does not have was created");
  auto m = create_with(s, *host, "no.such.component", "{}");
  if (m.status >= 0 || m.instance != nullptr) {
    return "create() makes a component that the file does not have: compare the id and "
           "answer "
           "CDK_E_ABSENT or CDK_E_INVALID";
  }
  auto own = create_with(s, *host, s.id(), s.config.dump());
  if (own.instance == nullptr) {
    return "create() failed: " + own.message;
  }
  const auto* table = s.plugin.entry->plugin;
  const bool answers =
      table->get_extension != nullptr &&
      table->get_extension(own.instance, str("no.such.extension/1")) != nullptr;
  table->destroy(own.instance);
  return answers ? "get_extension() answers to an id that does not exist: answer NULL"
                 : "";
}

verdict many_instances(subject& s) {
  std::vector<std::unique_ptr<fake::fake_node>> all;
  for (int i = 0; i < 64; ++i) {
    s.at.say(fmt::format("while instance {} was created", i + 1));
    all.push_back(s.node());
  }
  const auto inputs = inputs_of(s.entry);
  for (std::size_t i = 0; i < all.size() && !inputs.empty(); i += 7) {
    s.at.say(fmt::format("in a step of instance {} of 64", i + 1));
    give(*all[i], inputs.front(), plausible_payload(static_cast<int>(i)));
  }
  for (std::size_t i = 0; i < all.size(); i += 2) {
    s.at.say(fmt::format("while instance {} was destroyed, others alive", i + 1));
    all[i].reset();
  }
  all.back().reset(); // the newest too: what it left must not matter to the others
  for (std::size_t i = 1; i + 1 < all.size() && !inputs.empty(); i += 14) {
    s.at.say(fmt::format("in a step of instance {}, its neighbours destroyed", i + 1));
    give(*all[i], inputs.front(), plausible_payload(static_cast<int>(i)));
  }
  return {};
}

verdict create_destroy(subject& s) {
  s.at.say("while it was created and destroyed a thousand times");
  return no_leak([&] { s.node(); }, 200, 800, "lives");
}

/// Structs grow at their end: a later host's are longer than the plugin knows.
verdict larger_host(subject& s) {
  const auto node = s.node();
  constexpr std::size_t more = 256;
  std::vector<std::uint64_t> room((sizeof(cdk_host) + more) / sizeof(std::uint64_t) + 1,
                                  0xaaaaaaaaaaaaaaaaull);
  auto* later = reinterpret_cast<cdk_host*>(room.data());
  *later = *node->host();
  later->struct_size += more;
  later->abi_minor += 40;
  s.at.say("while it was created by a host of a later minor version");
  cdk_instance* object = nullptr;
  cdk_error e{};
  e.struct_size = sizeof e;
  const auto id = s.id();
  const auto config = s.config.dump();
  const auto* table = s.plugin.entry->plugin;
  const auto status = table->create(later, str(id), bytes(config), &object, &e);
  if (status != CDK_OK || object == nullptr) {
    return "a host of a later minor version, whose table is longer, is refused: compare "
           "neither "
           "struct_size nor abi_minor for equality, use CDK_HAS";
  }
  table->destroy(object);
  node->start();
  for (const auto& to : inputs_of(s.entry)) {
    s.at.say(fmt::format("in a longer event of {}", to.name));
    const auto payload = plausible_payload(1);
    struct {
      cdk_event event;
      std::uint64_t more[16];
    } longer{node->event(to.kind), {}};
    std::fill(std::begin(longer.more), std::end(longer.more), 0xaaaaaaaaaaaaaaaaull);
    longer.event.struct_size = sizeof longer;
    longer.event.topic = str(to.name);
    longer.event.payload = bytes(payload);
    longer.event.token = to.kind == CDK_EV_MESSAGE ? 0 : 7;
    node->give(longer.event);
  }
  return {};
}

// -- level 3: messages
// ------------------------------------------------------------------------------

verdict declared_events(subject& s) {
  const auto node = s.node();
  node->start();
  for (const auto& to : inputs_of(s.entry)) {
    for (int i = 0; i < 3; ++i) {
      s.at.say(fmt::format("in an event of {}", to.name));
      give(*node, to, plausible_payload(i));
    }
    if (const auto it = s.samples.find(to.name); it != s.samples.end()) {
      s.at.say(fmt::format("in an event of {} as the catalogue describes it", to.name));
      give(*node, to, it->second.dump());
    }
  }
  return node->refusals.empty()
             ? verdict()
             : "the host refuses what it tries: " + node->refusals.front();
}

verdict odd_events(subject& s) {
  const auto node = s.node();
  node->start();
  for (const auto& to : inputs_of(s.entry)) {
    for (const auto& [what, payload] : odd_payloads()) {
      s.at.say(fmt::format("in {} with {}", to.name, what));
      give(*node, to, payload);
    }
  }
  return {};
}

verdict undeclared_events(subject& s) {
  const auto node = s.node();
  node->start();
  for (const auto kind : {CDK_EV_MESSAGE, CDK_EV_ASK, CDK_EV_CALL, CDK_EV_LOOKUP, 99u}) {
    s.at.say(fmt::format("in an event of kind {} that it did not ask for", kind));
    if (give(*node, {kind, "no.such.word"}, "{}") == CDK_PENDING &&
        kind == CDK_EV_MESSAGE) {
      return "it promises an answer to a message that needs none (CDK_PENDING)";
    }
  }
  if (!node->sent.empty() || !node->proposals.empty()) {
    return "it acts on what it did not ask for: skip events whose topic it does not know";
  }
  return {};
}

verdict every_answer(subject& s) {
  for (const auto status : {CDK_OK, CDK_E_DENIED, CDK_E_DEADLINE, CDK_E_ABSENT,
                            CDK_E_CANCELLED, CDK_TOOL_REFUSED, CDK_TOOL_TRANSIENT,
                            CDK_TOOL_UNKNOWN, CDK_TOOL_NOT_FOUND, cdk_status{-77}}) {
    const auto node = s.node();
    node->start();
    for (const auto& to : inputs_of(s.entry)) {
      give(*node, to, plausible_payload(1));
    }
    for (int round = 0; round < 20 && !node->outstanding().empty(); ++round) {
      const auto request = node->outstanding().back();
      s.at.say(fmt::format("when {} was answered with status {}", request.name, status));
      node->respond(request.id, json::object(), status);
    }
    s.at.say("when its timers and timeouts came");
    node->advance(std::chrono::hours(48));
  }
  return {};
}

verdict twice(subject& s) {
  const auto node = s.node();
  node->start();
  for (const auto& to : inputs_of(s.entry)) {
    s.at.say("when an event came a second time");
    give(*node, to, plausible_payload(1));
    node->lose_next_step();
    give(*node, to, plausible_payload(2));
    give(*node, to, plausible_payload(2));
  }
  return {};
}

// -- level 4: state
// ----------------------------------------------------------------------------------

verdict round_trip(subject& s) {
  const auto node = s.node();
  node->start();
  const auto inputs = inputs_of(s.entry);
  for (const auto& to : inputs) {
    give(*node, to, plausible_payload(1));
  }
  s.at.say("in snapshot()");
  const auto first = node->snapshot();
  if (node->snapshot() != first) {
    return "two snapshots without an event between them differ: write members in a fixed "
           "order, "
           "and no times or addresses";
  }
  node->restart();
  s.at.say("in restore()");
  const auto schema = s.entry.at("state").value("schema", 1u);
  if (node->restore(first, schema) < 0) {
    return "it cannot read its own snapshot: " + node->error();
  }
  if (node->snapshot() != first) {
    return "snapshot, restore, snapshot gives another state: restore() loses or adds "
           "something";
  }
  return {};
}

verdict damaged_state(subject& s) {
  const auto node = s.node();
  node->start();
  for (const auto& to : inputs_of(s.entry)) {
    give(*node, to, plausible_payload(1));
  }
  const auto whole = node->snapshot();
  std::mt19937_64 random(s.seed);
  const auto schema = s.entry.at("state").value("schema", 1u);
  const auto tried = [&](const std::string& state, const std::string& what) -> verdict {
    node->restart();
    s.at.say("in restore() of " + what);
    const auto status = node->restore(state, schema);
    return status == CDK_OK && what == "a state of a newer schema"
               ? "it accepts a state of a newer schema as its own"
               : verdict();
  };
  for (std::size_t cut = 0; cut < whole.size();
       cut += std::max<std::size_t>(1, whole.size() / 40)) {
    tried(whole.substr(0, cut),
          fmt::format("the first {} of {} bytes", cut, whole.size()));
  }
  for (int i = 0; i < 200; ++i) {
    std::string noise(random() % 300, '\0');
    for (auto& c : noise) {
      c = static_cast<char>(random());
    }
    tried(noise, "random bytes");
  }
  // And it goes on with a good one.
  node->restart();
  if (node->restore(whole, schema) < 0) {
    return "after damaged states it cannot read a good one any more";
  }
  return {};
}

verdict same_effects(subject& s) {
  const auto live = [&] {
    const auto node = s.node();
    node->start();
    for (const auto& to : inputs_of(s.entry)) {
      for (int i = 0; i < 4; ++i) {
        s.at.say(fmt::format("in an event of {}", to.name));
        give(*node, to, plausible_payload(i));
      }
    }
    for (int round = 0; round < 20 && !node->outstanding().empty(); ++round) {
      node->respond(node->outstanding().front().id, json::object());
    }
    return node->summary();
  };
  const auto first = live();
  return live() == first
             ? verdict()
             : "the same events lead to other effects the second time: time and "
               "chance come from the event and from random()";
}

/// The same file once more, as the loader sees it under another name: its code and its
/// static variables are mapped a second time.
fake::loaded_plugin another(const fake::loaded_plugin& plugin) {
  std::ifstream in(plugin.file, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  const auto text = all.str();
  const int fd = ::memfd_create("second", 0);
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto n = ::write(fd, rest.data(), rest.size());
    if (n <= 0) {
      throw std::runtime_error("no room for a second copy of the file");
    }
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  return fake::load("/proc/self/fd/" +
                    std::to_string(fd)); // stays open: the path is its name
}

verdict side_by_side(subject& s) {
  const auto live = [&](fake::fake_node& node) {
    for (const auto& to : inputs_of(s.entry)) {
      for (int i = 0; i < 4; ++i) {
        s.at.say(fmt::format("in an event of {}", to.name));
        give(node, to, plausible_payload(i));
      }
    }
    return node.summary();
  };
  const auto first = s.node();
  first->start();
  const auto alone = live(*first);
  const auto second = another(s.plugin);
  fake::fake_node beside(second, s.id(), s.config);
  beside.start();
  return live(beside) == alone
             ? verdict()
             : "a second version loaded beside it does something else than it did alone: "
               "they share "
               "something (the environment, a file, a symbol of the process)";
}

/// An allocation of its own fails: an error, an exception, or the end of its process will do, but
/// not the use of what is not there.
verdict out_of_memory(subject& s) {
  const allocations memory(reinterpret_cast<const void*>(s.plugin.entry->plugin->handle));
  /// Whether there was an n-th allocation. Each in a process of its own, which it may end.
  const auto survives = [&](unsigned n, const std::string& place,
                            const std::function<void(const std::function<void()>&)>& live,
                            verdict& finding) {
    const auto said = in_a_child(5, [&](whereabouts& at) -> json {
      at.say(fmt::format("when allocation {} in {} failed", n, place));
      bool came = false;
      live([&] { allocations::fail(n); });
      came = allocations::failed();
      allocations::fail(0);
      return {{"came", came}};
    });
    if (said) {
      return said->at("came").get<bool>();
    }
    // abort() is what std::terminate and Rust do when nothing else is left.
    if (said.error().message().find(::strsignal(SIGABRT)) == std::string::npos) {
      finding = said.error().message();
      return false;
    }
    return true;
  };
  verdict finding;
  const auto config = s.config.dump();
  const auto id = s.id();
  const auto create = [&](const std::function<void()>& arm) {
    const auto host = s.node();
    cdk_instance* object = nullptr;
    cdk_error e{};
    e.struct_size = sizeof e;
    arm();
    s.plugin.entry->plugin->create(host->host(), str(id), bytes(config), &object, &e);
  };
  for (unsigned n = 1; n <= 200 && survives(n, "create()", create, finding); ++n) {
  }
  for (const auto& to : inputs_of(s.entry)) {
    const auto handle = [&](const std::function<void()>& arm) {
      const auto node = s.node();
      node->start();
      arm();
      give(*node, to, plausible_payload(1));
    };
    for (unsigned n = 1; n <= 200 && finding.empty(); ++n) {
      if (!survives(n, to.name, handle, finding)) {
        break;
      }
    }
  }
  return finding;
}

verdict every_call_fails(subject& s) {
  for (const auto& to : inputs_of(s.entry)) {
    for (unsigned n = 1; n <= 200; ++n) {
      const auto node = s.node();
      node->start();
      node->fail_call(n);
      s.at.say(fmt::format("when host call {} in {} was refused", n, to.name));
      const auto status = give(*node, to, plausible_payload(1));
      if (!node->call_failed()) {
        break;
      }
      if (status >= 0 && to.kind == CDK_EV_MESSAGE) {
        continue; // it may do without what was refused
      }
    }
  }
  return {};
}

// -- level 5: robustness
// -------------------------------------------------------------------------------

verdict fuzz(subject& s) {
  std::mt19937_64 random(s.seed);
  const auto inputs = inputs_of(s.entry);
  if (inputs.empty()) {
    return {};
  }
  const auto odd = odd_payloads();
  auto node = s.node();
  node->start();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  for (int i = 0; i < 4000 && std::chrono::steady_clock::now() < until; ++i) {
    auto payload = random() % 4 == 0 ? odd[random() % odd.size()].second
                                     : plausible_payload(static_cast<int>(random() % 8));
    if (payload.size() > 4096) {
      payload.resize(4096);
    }
    for (auto changes = random() % 4; changes-- > 0 && !payload.empty();) {
      payload[random() % payload.size()] = static_cast<char>(random());
    }
    s.at.say(fmt::format("in event {} of seed {}", i + 1, s.seed));
    give(*node, inputs[random() % inputs.size()], payload);
    if (!node->outstanding().empty() && random() % 2 == 0) {
      const auto& all = node->outstanding();
      node->respond(all[random() % all.size()].id, json::object(),
                    random() % 3 == 0 ? CDK_E_DEADLINE : CDK_OK);
    }
    if (random() % 97 == 0) {
      node->restart();
    }
    if (node->sent.size() + node->proposals.size() + node->logs.size() > 10'000) {
      node = s.node();
    }
  }
  return {};
}

verdict steps_leak(subject& s) {
  const auto inputs = inputs_of(s.entry);
  if (inputs.empty()) {
    return {};
  }
  s.at.say("in a thousand steps");
  return no_leak(
      [&] {
        const auto node = s.node();
        for (const auto& to : inputs) {
          give(*node, to, plausible_payload(1));
        }
      },
      200, 800, "lives with a step");
}

const std::vector<test>& tests() {
  static const std::vector<test> all{
      {2, "life.bad_config",
       "a configuration that makes no sense leads to an error or an instance, never both",
       bad_config},
      {2, "life.unknown", "components and extensions that it does not have are not there",
       unknown_component},
      {2, "life.many", "64 instances live side by side and are destroyed in any order",
       many_instances},
      {2, "life.leak", "a thousand lives leave nothing behind", create_destroy},
      {2, "life.larger_host", "a later host, whose structs are longer, will do",
       larger_host},
      {3, "messages.declared",
       "what its manifest names is handled with what its manifest asks for",
       declared_events},
      {3, "messages.odd", "no payload crashes or hangs it, and inputs are not written to",
       odd_events},
      {3, "messages.undeclared", "what it did not ask for has no effect",
       undeclared_events},
      {3, "messages.answers", "denied, late, absent and unknown answers are survived",
       every_answer},
      {3, "messages.twice",
       "events that come again, and steps that were lost, are survived", twice},
      {4, "state.round_trip", "snapshot, restore, snapshot gives the same", round_trip},
      {4, "state.damaged", "cut off and random states are refused or survived",
       damaged_state},
      {4, "state.replay", "the same events have the same effects", same_effects},
      {4, "state.host_fails", "each host call may be refused", every_call_fails},
      {5, "robust.memory", "each of its own allocations may fail", out_of_memory},
      {5, "robust.side_by_side", "two versions in one process share nothing",
       side_by_side},
      {5, "robust.fuzz", "random events are survived", fuzz},
      {5, "robust.leak", "steps leave nothing behind", steps_leak}};
  return all;
}

// -- the report
// ------------------------------------------------------------------------------------

struct outcome {
  int level;
  std::string name;
  std::string component;
  std::string what;
  std::string finding; ///< empty: it holds
  std::string skipped; ///< why it could not be tried
  double seconds = 0;
};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '&':
      out += "&amp;";
      break;
    case '"':
      out += "&quot;";
      break;
    default:
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

result<void> write_junit(const std::string& file, const std::string& plugin,
                         const std::vector<outcome>& all) {
  std::ofstream out(file);
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\""
      << escaped(plugin) << "\" tests=\"" << all.size() << "\" failures=\""
      << std::count_if(all.begin(), all.end(),
                       [](const outcome& o) { return !o.finding.empty(); })
      << "\" skipped=\""
      << std::count_if(all.begin(), all.end(),
                       [](const outcome& o) { return !o.skipped.empty(); })
      << "\">\n";
  for (const auto& o : all) {
    out << "  <testcase classname=\""
        << escaped(o.component.empty() ? "file" : o.component) << "\" name=\""
        << escaped(o.name) << "\" time=\"" << fmt::format("{:.3f}", o.seconds) << "\">";
    if (!o.finding.empty()) {
      out << "<failure message=\"" << escaped(o.finding) << "\"/>";
    }
    if (!o.skipped.empty()) {
      out << "<skipped message=\"" << escaped(o.skipped) << "\"/>";
    }
    out << "</testcase>\n";
  }
  out << "</testsuite>\n";
  out.flush();
  return out ? result<void>()
             : error(errc::io, "the report cannot be written").at("file", file);
}

class checking {
public:
  checking(context& c, const check_words& w) : c_(c), w_(w) {}

  ending run() {
    if (auto r = read_catalogue(); !r) {
      return std::move(r).error();
    }
    if (auto r = read_configs(); !r) {
      return std::move(r).error();
    }
    for (const auto& name : w_.only) {
      if (!known(name)) {
        return error(errc::invalid,
                     "there is no such test or rule; the report of a check names "
                     "them")
            .at("only", name);
      }
    }
    statics();
    const bool loadable =
        std::none_of(all_.begin(), all_.end(),
                     [](const outcome& o) { return !o.finding.empty(); }) ||
        manifest::check_plugin(w_.plugin).empty();
    if (w_.level >= 2 && loadable) {
      const auto read = manifest::from_plugin(w_.plugin);
      const auto& m = std::get<json>(read);
      for (const auto& entry : m.at("components")) {
        component(entry);
      }
    } else if (w_.level >= 2) {
      all_.push_back(
          {2, "life", "", "", "", "a node would not load the file: mend that first", 0});
    }
    return report();
  }

private:
  static bool known(const std::string& name) {
    const auto& rules = manifest::rules();
    return name == "life.load" ||
           std::any_of(tests().begin(), tests().end(),
                       [&](const test& t) { return name == t.name; }) ||
           std::any_of(rules.begin(), rules.end(),
                       [&](const manifest::rule& r) { return name == r.name; });
  }
  bool wanted(const std::string& name) const {
    return w_.only.empty() ||
           std::find(w_.only.begin(), w_.only.end(), name) != w_.only.end();
  }

  result<void> read_configs() {
    for (const auto& word : w_.configs) {
      const auto at = word.find('=');
      std::ifstream in(at == word.npos ? word : word.substr(at + 1));
      std::ostringstream text;
      text << in.rdbuf();
      auto config = parse_json(text.str());
      if (!in || !config) {
        return error(errc::invalid,
                     "--config takes COMPONENT=FILE with a JSON object in it")
            .at("config", word);
      }
      configs_[at == word.npos ? "" : word.substr(0, at)] = *std::move(config);
    }
    return {};
  }

  /// A least payload for each entry of the catalogue. Errors: not_found, malformed.
  result<void> read_catalogue() {
    if (w_.catalogue.empty()) {
      return {};
    }
    const auto read = [](const fs::path& file) -> result<json> {
      std::ifstream in(file);
      std::ostringstream text;
      text << in.rdbuf();
      auto parsed = parse_json(text.str());
      return parsed ? std::move(parsed)
                    : std::move(parsed).error().at("file", file.string());
    };
    json definitions = json::object();
    std::error_code failure;
    if (fs::exists(fs::path(w_.catalogue) / "definitions.json", failure)) {
      auto d = read(fs::path(w_.catalogue) / "definitions.json");
      if (!d) {
        return std::move(d).error();
      }
      definitions = d->value("definitions", json::object());
    }
    for (const auto& file : fs::directory_iterator(w_.catalogue, failure)) {
      if (file.path().extension() != ".json" ||
          file.path().filename() == "definitions.json") {
        continue;
      }
      auto entry = read(file.path());
      if (!entry) {
        return std::move(entry).error();
      }
      samples_[text_or(*entry, "name")] =
          sample_of(entry->value("schema", json()), definitions);
    }
    if (samples_.empty()) {
      return error(errc::not_found, "there is no catalogue: a folder of JSON files")
          .at("catalogue", w_.catalogue);
    }
    return {};
  }

  manifest::demands allowed() const {
    manifest::demands d;
    d.more_imports = w_.imports;
    return d;
  }

  void statics() {
    const auto findings = manifest::examine(w_.plugin, allowed());
    for (const auto& rule : manifest::rules()) {
      if (!wanted(rule.name)) {
        continue;
      }
      outcome o{1, rule.name, "", rule.what, "", "", 0};
      for (const auto& f : findings) {
        if (f.rule == rule.name) {
          o.finding += (o.finding.empty() ? "" : "; ") + f.text;
        }
      }
      note(std::move(o));
    }
  }

  void component(const json& entry) {
    const auto id = entry.at("id").get<std::string>();
    const auto given =
        configs_.find(id) != configs_.end() ? configs_.find(id) : configs_.find("");
    const auto config = given != configs_.end()
                            ? given->second
                            : sample_of(entry.value("config", json::object()));
    std::string cannot;
    outcome first{2, "life.load", id, "it loads, and makes an instance", "", "", 0};
    const auto alive = in_a_child(test_seconds, [&](whereabouts& at) -> json {
      const auto plugin = fake::load(w_.plugin);
      at.say("while it was created");
      subject s{plugin, entry, config, w_.seed, at, samples_};
      try {
        s.node();
      } catch (const std::exception& e) {
        return {{"cannot", e.what()}};
      }
      return json::object();
    });
    if (!alive) {
      first.finding = alive.error().message();
      cannot = "it does not come to life: " + first.finding;
    } else if (alive->contains("cannot")) {
      cannot = "it cannot be created with " + config.dump() + " (" +
               text_or(*alive, "cannot") + "): give a configuration with --config " + id +
               "=FILE";
      first.skipped = cannot;
    }
    note(std::move(first));
    for (const auto& t : tests()) {
      if (t.level > w_.level || !wanted(t.name)) {
        continue;
      }
      outcome o{t.level, t.name, id, t.what, "", cannot, 0};
      if (cannot.empty()) {
        const auto begin = std::chrono::steady_clock::now();
        auto said = in_a_child(test_seconds, [&](whereabouts& at) -> json {
          const auto plugin = fake::load(w_.plugin);
          at.say("while it was created");
          subject s{plugin, entry, config, w_.seed, at, samples_};
          return {{"finding", t.run(s)}};
        });
        o.seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
                .count();
        if (!said) {
          o.finding = said.error().message();
        } else {
          o.finding = text_or(*said, "finding");
        }
      }
      note(std::move(o));
    }
  }

  void note(outcome o) {
    if (c_.around().progress && !c_.as_json()) {
      c_.around().err << (o.finding.empty() ? "." : "!") << std::flush;
    }
    all_.push_back(std::move(o));
  }

  ending report() {
    if (c_.around().progress && !c_.as_json()) {
      c_.around().err << '\n';
    }
    if (!w_.junit.empty()) {
      if (auto r = write_junit(w_.junit, w_.plugin, all_); !r) {
        return std::move(r).error();
      }
    }
    const auto failed = std::count_if(
        all_.begin(), all_.end(), [](const outcome& o) { return !o.finding.empty(); });
    const auto skipped = std::count_if(
        all_.begin(), all_.end(), [](const outcome& o) { return !o.skipped.empty(); });
    const auto code = failed > 0 ? cli::exit_code::warned : cli::exit_code::ok;
    json list = json::array();
    for (const auto& o : all_) {
      json one{{"level", o.level}, {"test", o.name}, {"what", o.what}};
      if (!o.component.empty()) {
        one["component"] = o.component;
      }
      one["result"] = !o.finding.empty()   ? "failed"
                      : !o.skipped.empty() ? "skipped"
                                           : "passed";
      if (!o.finding.empty()) {
        one["finding"] = o.finding;
      }
      if (!o.skipped.empty()) {
        one["why"] = o.skipped;
      }
      list.push_back(std::move(one));
    }
    if (c_.told_program(
            {{"plugin", w_.plugin},
             {"seed", w_.seed},
             {"passed", static_cast<std::int64_t>(all_.size()) - failed - skipped},
             {"failed", failed},
             {"skipped", skipped},
             {"tests", list}})) {
      return code;
    }
    auto& paper = c_.paper();
    std::set<std::string> told;
    for (const auto& o : all_) {
      const auto name = o.component.empty() ? o.name : o.name + " of " + o.component;
      if (!o.finding.empty()) {
        paper.line(paper.paint("FAILED   ", cli::colour::bad) + name);
        paper.paragraph(o.finding, 9, 0);
      } else if (!o.skipped.empty()) {
        // The same reason for a whole component is told once.
        if (told.insert(o.skipped).second) {
          paper.line("skipped  " + name + " and what follows of it");
          paper.paragraph(o.skipped, 9, 0);
        }
      } else {
        paper.line("ok       " + name + ": " + o.what);
      }
    }
    paper.line(fmt::format("{} passed, {} failed, {} skipped; seed {}",
                           static_cast<std::int64_t>(all_.size()) - failed - skipped,
                           failed, skipped, w_.seed));
    return code;
  }

  context& c_;
  const check_words& w_;
  std::map<std::string, json> configs_;
  std::map<std::string, json> samples_;
  std::vector<outcome> all_;
};

ending check(context& c, const check_words& words) {
  auto w = words;
  if (!w.seeded) {
    w.seed = std::random_device{}();
  }
  if (::access(w.plugin.c_str(), R_OK) != 0) {
    return error(errc::not_found, "there is no such plugin file; build it first")
        .at("file", w.plugin);
  }
  return checking(c, w).run();
}

} // namespace

void add_check(CLI::App& app, context& c) {
  auto w = std::make_shared<check_words>();
  auto* command = c.command(
      app, "check", "Say what a node or an operator would find wrong with a plugin file",
      w, check);
  command
      ->add_option("plugin", w->plugin,
                   "Plugin file (.so); from level 2 on its code runs")
      ->required();
  command
      ->add_option(
          "--level", w->level,
          "1 the file, 2 life, 3 messages, 4 state, 5 robustness; all up to this one")
      ->capture_default_str()
      ->check(CLI::Range(1, level_max));
  command->add_option_function<std::uint64_t>(
      "--seed",
      [w](std::uint64_t s) {
        w->seed = s;
        w->seeded = true;
      },
      "Of what is random, to repeat it");
  command->add_option("--only", w->only, "Tests or rules by name")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->expected(1);
  command
      ->add_option(
          "--config", w->configs,
          "COMPONENT=FILE: its configuration (JSON), where the least one does not do")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->expected(1);
  command
      ->add_option("--allow-import", w->imports,
                   "A function that the rules forbid and that is known to be there, as "
                   "pthread_key_create of Rust's library")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->expected(1);
  command->add_option(
      "--catalogue", w->catalogue,
      "Folder of the catalogue: payloads of its schemas are tried as well");
  command->add_option("--junit", w->junit, "Write a JUnit report to this file as well");
}

} // namespace crossdock::kit
