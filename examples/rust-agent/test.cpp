// The SDK's test host is C++; it loads the plugin file and does not mind what it was written in.
#include <crossdock/testing.hpp>

using namespace crossdock::sdk;
using namespace crossdock::sdk::testing;

int main(int argc, char** argv) {
  const auto plugin = load(argc > 1 ? argv[1] : "plugins/double-order.so");
  const auto order = [](const char* line, const char* customer, const char* quantity = "10") {
    // Members of inner objects have the same names and must not be taken for these.
    return json{{"also", {{"line", "no"}, {"item", "no"}}}, {"line", line}, {"customer", customer},
                {"item", "3/4\" PIPE"}, {"quantity", quantity}};
  };
  return run_tests({
      {"the same order on another line is told",
       [&] {
         fake_node node{plugin, "example.double-order"};
         node.expect_done(node.deliver("order.line", order("SO-1/1", "M\u00fcller")));
         node.expect_done(node.deliver("order.line", order("SO-2/1", "M\u00fcller")));
         node.expect_sent("example.double_order", {{"line", "SO-2/1"}, {"first", "SO-1/1"}});
       }},
      {"a line that changes, another customer and another quantity are nothing to tell",
       [&] {
         fake_node node{plugin, "example.double-order"};
         node.deliver("order.line", order("SO-1/1", "C-1"));
         node.deliver("order.line", order("SO-1/1", "C-1"));
         node.deliver("order.line", order("SO-2/1", "C-2"));
         node.deliver("order.line", order("SO-3/1", "C-1", "11"));
         node.expect_no_effects();
       }},
      {"a day later it is an order of its own",
       [&] {
         fake_node node{plugin, "example.double-order"};
         node.deliver("order.line", order("SO-1/1", "C-1"));
         node.advance(std::chrono::hours{24});
         node.deliver("order.line", order("SO-2/1", "C-1"));
         node.expect_no_effects();
       }},
      {"a payload without the customer is rejected with the reason",
       [&] {
         fake_node node{plugin, "example.double-order"};
         expect_equal(node.deliver("order.line", {{"line", "SO-1/1"}}), CDK_E_REJECT, "the status");
         expect_equal(node.error(), "order.line has no text 'customer'", "the reason");
       }},
  });
}
