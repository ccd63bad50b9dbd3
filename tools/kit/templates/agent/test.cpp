// No node is needed: fake_node loads the built file and plays its host.
#include <crossdock/testing.hpp>

using namespace crossdock::sdk;
using namespace crossdock::sdk::testing;

namespace {

json line(const char* quantity) {
  return {{"line", "SO-1/1"}, {"item", "SHOVEL"}, {"site", "B1"}, {"quantity", quantity}};
}
json stock(const char* available) {
  return {{"item", "SHOVEL"}, {"sites", {{{"site", "B1"}, {"available", available}}}}};
}

} // namespace

int main(int argc, char** argv) {
  const auto plugin = load(argc > 1 ? argv[1] : "plugins/@NAME@.so");
  const auto make = [&](int spare) {
    return std::make_unique<fake_node>(plugin, "@ID@", json{{"spare", spare}});
  };
  return run_tests({
      {"enough stock is nothing to speak of",
       [&] {
         const auto node = make(0);
         node->on_call("erp.stock", stock("10"));
         node->expect_done(node->deliver("order.line", line("10")));
         node->expect_no_effects();
         expect(node->logs.empty(), "nothing is logged");
       }},
      {"a branch that is short is a warning, and is remembered",
       [&] {
         const auto node = make(2);
         node->on_call("erp.stock", stock("11"));
         node->expect_done(node->deliver("order.line", line("10")));
         expect_equal(node->logs.size(), 1, "lines logged");
         node->expect_memory("last_short", {{"line", "SO-1/1"}});
       }},
      {"a system of record that is away is a warning, no failure",
       [&] {
         const auto node = make(0);
         node->on_call("erp.stock", json::object(), CDK_TOOL_TRANSIENT);
         node->expect_done(node->deliver("order.line", line("10")));
         expect_equal(node->logs.size(), 1, "lines logged");
       }},
  });
}
