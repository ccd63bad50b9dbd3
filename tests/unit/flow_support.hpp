/// A case driven by hand: the shipped flow, its trigger, answers, and short names for
/// steps.
#pragma once

#include "flow/flow.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace flow_test {

using namespace crossdock;
using namespace crossdock::flow;

inline timestamp at(int seconds) {
  return *parse_rfc3339("2026-11-23T08:00:00Z") + std::chrono::seconds(seconds);
}

inline std::string shipped_flow() {
  const char* root = std::getenv("CROSSDOCK_SOURCE");
  std::ifstream in(std::string(root ? root : ".") +
                   "/config/flows/backorder-prevention.toml");
  REQUIRE(in);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

inline definition compiled(const std::string& text) {
  auto d = definition::compile(text, "test.toml");
  INFO((d ? "" : d.error().describe()));
  REQUIRE(d);
  return std::move(*d);
}

inline json a_fact(const char* name, json value, bool material = false) {
  json f{{"name", name},        {"value", std::move(value)},
         {"unit", "ea"},        {"system", "sim"},
         {"record", "stock/7"}, {"as_of", "2026-11-23T07:59:00Z"}};
  if (material) {
    f["material"] = true;
  }
  return f;
}

inline envelope trigger(const char* short_by = "7",
                        std::vector<std::string> labels = {}) {
  envelope e;
  e.id = std::string("t-") + short_by;
  e.source = "order";
  e.type = "order.line_short";
  e.tenant = "acme";
  e.site = "B1";
  e.labels = std::move(labels);
  e.data = to_text({{"line", "L1"},
                    {"order", "O1"},
                    {"customer", "C1"},
                    {"item", "010"},
                    {"site", "B1"},
                    {"quantity", "10"},
                    {"short", short_by},
                    {"unit", "ea"},
                    {"unit_price", {{"amount", "12.50"}, {"currency", "EUR"}}},
                    {"need_date", "2026-11-25"},
                    {"requested_date", "2026-11-25"},
                    {"value_at_stake", {{"amount", "87.50"}, {"currency", "EUR"}}},
                    {"facts", {a_fact("on hand at B1", "3", true)}}});
  return e;
}

inline envelope settle() {
  envelope e;
  e.id = "s-1";
  e.source = "order";
  e.type = "order.line_settled";
  e.data = R"({"line":"L1","reason":"cancelled by the customer"})";
  return e;
}

inline json an_option(const char* id, const char* kind, double confidence,
                      const char* cost, const char* ready = "2026-11-24") {
  json o{{"id", id},
         {"kind", kind},
         {"item", "010"},
         {"site_from", "B2"},
         {"quantity", "7"},
         {"unit", "ea"},
         {"ready_date", ready},
         {"score", confidence},
         {"confidence", confidence},
         {"benefit", {{"amount", "50"}, {"currency", "EUR"}}},
         {"cost", {{"amount", cost}, {"currency", "EUR"}}},
         {"summary", std::string(kind) + " " + id},
         {"basis", {{"n_samples", 120}, {"rate", 0.9}}},
         {"evidence", {a_fact("on hand at B2", "40", true)}}};
  if (std::string_view(kind) == "transfer") {
    o["tool"] = "erp.transfer.create";
    o["args"] = {{"item", "010"},     {"from", "B2"}, {"to", "B1"},
                 {"quantity", "7"},   {"unit", "ea"}, {"need_date", "2026-11-25"},
                 {"order_line", "L1"}};
  }
  if (std::string_view(kind) == "wait") {
    o["promise"] = {{"date", "2026-12-03"},
                    {"previous", "2026-11-25"},
                    {"confidence", 0.92},
                    {"basis", {{"n_samples", 300}}},
                    {"summary", "2026-12-03 is the earliest day that can be promised"}};
  }
  return o;
}

inline json options_answer() {
  return {{"options",
           {an_option("a", "transfer", 0.9, "8"), an_option("b", "transfer", 0.95, "8"),
            an_option("w", "wait", 0.1, "0", "2026-12-01")}},
          {"if_nothing_is_done", "Seven are missing on Wednesday."}};
}

inline json pick_answer() {
  return {{"options",
           {{{"id", "a"},
             {"feasible", true},
             {"probability", 0.98},
             {"summary", "picked by 15:00"},
             {"evidence", {a_fact("lines waiting", 12)}}},
            {{"id", "b"},
             {"feasible", false},
             {"probability", 0.1},
             {"summary", "after the cut-off"},
             {"evidence", json::array()}}}}};
}

inline json impact_answer() {
  return {{"loss_if_late", {{"amount", "200"}, {"currency", "EUR"}}},
          {"probability_lost", 0.4},
          {"summary", "4 of 10 late lines of C1 were cancelled"},
          {"evidence", {a_fact("late lines cancelled", 4)}}};
}

/// The text of a state is that of its JSON, and what templates see of it without a copy is what
/// they would see in one.
inline void check_views(const case_state& s) {
  CHECK(*parse_json(s.to_text()) == s.to_json());
  const auto data = s.data();
  const case_view view(s);
  const auto flat = data.flatten();
  for (const auto& [pointer, leaf] : flat.items()) {
    // flatten() gives null for empty lists and objects, so what is there is asked of the copy.
    for (auto at = pointer; !at.empty(); at.erase(at.rfind('/'))) {
      const auto* found = view.find(at);
      INFO(at);
      REQUIRE(found != nullptr);
      REQUIRE(*found == *find_pointer(data, at));
    }
    CHECK(view.find(pointer + "/nothing") == nullptr);
  }
  CHECK(view.find("/steps/nobody/answer") == nullptr);
}

/// Keeps the state as text between inputs, as a restart would find it.
class driven_case {
public:
  explicit driven_case(const definition& d) : flow(d) {}

  output give(const input& in) {
    auto parsed = case_state{};
    if (!stored.empty()) {
      auto read = case_state::from_json(*parse_json(stored));
      REQUIRE(read);
      parsed = std::move(*read);
    }
    auto out = advance(flow, parsed, in, at(seconds++));
    INFO((out ? "" : out.error().describe()));
    REQUIRE(out);
    stored = out->state.to_text();
    state = out->state;
    check_views(state);
    return std::move(*out);
  }
  output open(envelope e = trigger()) {
    return give(opened{"CASE1", std::move(e), ++seq});
  }
  output reply(const char* step, json payload, const char* source, int status = 0) {
    return give(
        answer{step, state.run, status, std::move(payload), source, source, {}, ++seq});
  }
  output decide(const char* step, const char* outcome, json detail = json::object()) {
    return give(decision{step, state.run, outcome, std::move(detail), ++seq});
  }
  /// Up to a live proposal "transfer".
  output to_proposal() {
    reply("options", options_answer(), "replenishment");
    reply("pick", pick_answer(), "warehouse");
    return reply("impact", impact_answer(), "order");
  }

  const definition& flow;
  case_state state;
  std::string stored;
  std::uint64_t seq = 0;
  int seconds = 0;
};

template <class T>
std::vector<T> only(const output& o) {
  std::vector<T> found;
  for (const auto& a : o.actions) {
    if (const auto* t = std::get_if<T>(&a)) {
      found.push_back(*t);
    }
  }
  return found;
}

} // namespace flow_test
