// A host that is built for the contract as it is (1.0), and for one that has more (1.1),
// with plugins of both: host PLUGIN BUILT_FOR.
#include <crossdock/testing.hpp>

#include <cstdlib>
#include <cstring>

using namespace crossdock::sdk;
using namespace crossdock::sdk::testing;

int main(int argc, char** argv) {
  if (argc != 3) {
    return 2;
  }
  constexpr int here = CDK_ABI_MINOR;
  const int built_for = std::atoi(argv[2]);
  return run_tests({
      {"the plugin answers, and uses what both sides have",
       [&] {
         const auto plugin = load(argv[1]);
         fake_node node{plugin, "test.minor"};
#if CDK_ABI_MINOR >= 1
         const_cast<cdk_host*>(node.host())->since_1_1 = []() -> uint32_t { return 42; };
#endif
         const auto a = node.ask("test.echo", json::object());
         expect_equal(a.payload()["built_for"], built_for,
                      "the minor version it was built for");
         expect_equal(a.payload()["newer"], here >= 1 && built_for >= 1 ? 42 : 0,
                      "what it got of the newer function");
       }},
      {"a newer host reads no further than an older plugin's table",
       [&] {
         const auto plugin = load(argv[1]);
         const auto* table = plugin.entry->plugin;
         // A copy that ends where the plugin says that its table ends, before memory that
         // is no function: who reads beyond it would call that.
         std::vector<unsigned char> page(table->struct_size + 64, 0xee);
         std::memcpy(page.data(), table, table->struct_size);
         const auto* copy = reinterpret_cast<const cdk_plugin*>(page.data());
         expect_equal(table->struct_size<sizeof(cdk_plugin), here> built_for,
                      "whether the table is shorter than this host knows");
         fake_node node{
             copy,
             [copy](const cdk_host* h, cdk_bytes c, cdk_instance** out, cdk_error* e) {
               return copy->create(h, detail::str("test.minor"), c, out, e);
             },
             json::object()};
#if CDK_ABI_MINOR >= 1
         expect_equal(static_cast<bool>(CDK_HAS(copy, since_1_1)), built_for >= 1,
                      "whether the newer function is there");
#endif
         node.swap();
         expect_equal(node.ask("test.echo", json::object()).payload()["built_for"],
                      built_for, "built for");
       }},
  });
}
