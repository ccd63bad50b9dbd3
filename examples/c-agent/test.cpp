// The plugin file itself under test: what is tested is what is shipped.
#include <crossdock/testing.hpp>

using namespace crossdock::sdk;
using namespace crossdock::sdk::testing;

int main(int argc, char** argv) {
  const auto plugin = load(argc > 1 ? argv[1] : "plugins/busy-items.so");
  const auto order = [](fake_node& node, const char* key) {
    node.expect_done(node.deliver("order.line", {{"line", "SO-1/1"}}, key));
  };
  return run_tests({
      {"the line beyond the limit is told, once",
       [&] {
         fake_node node{plugin, "example.busy-items", {{"limit", 2}}};
         order(node, "SHOVEL@HAM");
         order(node, "SHOVEL@HAM");
         node.expect_no_effects();
         order(node, "SHOVEL@HAM");
         order(node, "SHOVEL@HAM");
         node.expect_sent("example.busy_item", {{"key", "SHOVEL@HAM"}, {"lines", 3}});
       }},
      {"items are counted apart",
       [&] {
         fake_node node{plugin, "example.busy-items", {{"limit", 1}}};
         order(node, "SHOVEL@HAM");
         order(node, "SPADE@HAM");
         node.expect_no_effects();
       }},
      {"the count begins anew after an hour without a line",
       [&] {
         fake_node node{plugin, "example.busy-items", {{"limit", 1}}};
         order(node, "SHOVEL@HAM");
         node.advance(std::chrono::hours{1});
         order(node, "SHOVEL@HAM");
         node.expect_no_effects();
       }},
      {"a key with quotes is still JSON",
       [&] {
         fake_node node{plugin, "example.busy-items", {{"limit", 1}}};
         order(node, "3/4\" PIPE@HAM");
         order(node, "3/4\" PIPE@HAM");
         node.expect_sent("example.busy_item", {{"key", "3/4\" PIPE@HAM"}});
       }},
      {"a restart forgets nothing, and a new limit is in force at once",
       [&] {
         fake_node node{plugin, "example.busy-items"};
         order(node, "SHOVEL@HAM");
         node.restart();
         node.expect_done(node.configure({{"limit", 1}}));
         order(node, "SHOVEL@HAM");
         node.expect_sent("example.busy_item", {{"lines", 2}});
       }},
  });
}
