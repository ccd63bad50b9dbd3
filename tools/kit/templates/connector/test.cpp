// No node is needed: fake_node loads the built file and plays its host.
#include <crossdock/testing.hpp>

using namespace crossdock::sdk;
using namespace crossdock::sdk::testing;

int main(int argc, char** argv) {
  const auto plugin = load(argc > 1 ? argv[1] : "plugins/@NAME@.so");
  fake_node node{plugin, "@ID@", {{"rates", {{"HAM-MUC", "412.50"}}}}};
  return run_tests({
      {"a known lane has its rate and says where it is from",
       [&] {
         const auto a = node.call("@ID@.rate", {{"lane", "HAM-MUC"}});
         expect_equal(a.payload()["rate"], "412.50", "rate");
         expect_equal(a.payload()["record"], "rates/HAM-MUC", "record");
       }},
      {"an unknown lane is not found",
       [&] {
         const auto a = node.call("@ID@.rate", {{"lane", "HAM-OSL"}});
         expect_equal(a.status(), CDK_TOOL_NOT_FOUND, "status");
       }},
  });
}
