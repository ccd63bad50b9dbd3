#include <crossdock/testing.hpp>

using namespace crossdock::sdk;
using namespace crossdock::sdk::testing;

namespace {

json line(const char* amount) {
  return {{"line", "SO-1/1"}, {"item", "SHOVEL"}, {"unit_price", {{"amount", amount}, {"currency", "EUR"}}}};
}

json list_price(const char* amount) {
  return {{"system", "price-list"}, {"as_of", "2026-01-05T08:00:00Z"}, {"item", "SHOVEL"},
          {"price", {{"amount", amount}, {"currency", "EUR"}}}, {"record", "prices.jsonl:1"}};
}

} // namespace

int main(int argc, char** argv) {
  const auto plugin = load(argc > 1 ? argv[1] : "plugins/price-guard.so");
  const json config = {{"tolerance_percent", 5}};
  const auto make = [&] { return std::make_unique<fake_node>(plugin, "example.price-guard", config); };
  return run_tests({
      {"a price within the tolerance is nothing to speak of",
       [&] {
         const auto node = make();
         node->on_call("example.price", list_price("20.00"));
         node->expect_done(node->deliver("order.line", line("19.00")));
         node->expect_no_effects();
       }},
      {"a price beyond the tolerance is proposed with the fact it rests on",
       [&] {
         const auto node = make();
         node->on_call("example.price", list_price("20.00"));
         node->expect_done(node->deliver("order.line", line("18.99")));
         const auto& p = node->expect_proposal("example.price.append", {{"price", {{"amount", "18.99"}}}});
         expect_equal(p.rationale_facts[0]["record"], "prices.jsonl:1", "where the list price is from");
         expect_equal(p.rationale_facts[0]["material"], true, "whether it is read again");
       }},
      {"an item without a price is proposed",
       [&] {
         const auto node = make();
         node->on_call("example.price", json::object(), CDK_TOOL_NOT_FOUND);
         node->expect_done(node->deliver("order.line", line("18.99")));
         node->expect_proposal("example.price.append", {{"item", "SHOVEL"}});
       }},
      {"what was decided is not asked again, also after a restart",
       [&] {
         const auto node = make();
         node->on_call("example.price", list_price("20.00"));
         node->deliver("order.line", line("18.99"));
         node->expect_done(node->decide(node->expect_proposal("example.price.append"), CDK_E_DENIED));
         node->restart();
         node->expect_done(node->deliver("order.line", line("18.99")));
         node->expect_proposal("example.price.append"); // still the first one alone
       }},
      {"a price list that is away is a warning, no proposal",
       [&] {
         const auto node = make();
         node->on_call("example.price", json::object(), CDK_TOOL_TRANSIENT);
         node->expect_done(node->deliver("order.line", line("18.99")));
         node->expect_no_effects();
         expect(node->logs.size() == 1, "one warning is logged");
       }},
  });
}
