#include <crossdock/testing.hpp>

#include <cstdio>
#include <cstdlib>

#include <unistd.h>

using namespace crossdock::sdk;
using namespace crossdock::sdk::testing;

namespace {

/// A file of its own for each test, gone afterwards.
struct scratch_file {
  scratch_file() {
    char name[] = "/tmp/price-list-XXXXXX";
    const int file = ::mkstemp(name);
    if (file < 0)
      throw std::runtime_error{"/tmp cannot be written"};
    ::close(file);
    path = name;
  }
  ~scratch_file() { std::remove(path.c_str()); }
  std::string path;
};

json price(const char* item, const char* amount) {
  return {{"item", item}, {"price", {{"amount", amount}, {"currency", "EUR"}}}};
}

std::size_t lines_of(const std::string& path) {
  std::ifstream in{path};
  return static_cast<std::size_t>(
      std::count(std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{}, '\n'));
}

} // namespace

int main(int argc, char** argv) {
  const auto plugin = load(argc > 1 ? argv[1] : "plugins/price-list.so");
  const auto make = [&](const scratch_file& file) {
    return std::make_unique<fake_node>(plugin, "example.price-list", json{{"list_file", file.path}});
  };
  return run_tests({
      {"a price that was appended is read, the newest counts",
       [&] {
         const scratch_file file;
         const auto node = make(file);
         node->call("example.price.append", price("SHOVEL", "20.00"), "key-1");
         node->call("example.price.append", price("SHOVEL", "18.50"), "key-2");
         const auto got = node->call("example.price", {{"item", "SHOVEL"}});
         expect_equal(got.status(), CDK_TOOL_OK, "the outcome");
         expect_equal(got.payload()["price"]["amount"], "18.50", "the price");
         expect_equal(got.payload()["record"], "line/2", "the record");
       }},
      {"the same call twice writes one line",
       [&] {
         const scratch_file file;
         const auto node = make(file);
         const auto first = node->call("example.price.append", price("SHOVEL", "20.00"), "key-1");
         const auto second = node->call("example.price.append", price("SHOVEL", "20.00"), "key-1");
         expect_equal(second.payload(), first.payload(), "the second answer");
         expect_equal(lines_of(file.path), 1, "lines of the file");
       }},
      {"a look-up knows what was written and what was not",
       [&] {
         const scratch_file file;
         const auto node = make(file);
         node->call("example.price.append", price("SHOVEL", "20.00"), "key-1");
         expect_equal(node->lookup("example.price.append", price("SHOVEL", "20.00"), "key-1").status(),
                      CDK_TOOL_OK, "the outcome for what was written");
         expect_equal(node->lookup("example.price.append", price("SHOVEL", "20.00"), "key-9").status(),
                      CDK_TOOL_NOT_FOUND, "the outcome for what was not");
       }},
      {"a line that a crash cut off does not count, and the next one is whole",
       [&] {
         const scratch_file file;
         std::ofstream{file.path} << R"({"item":"SHOVEL","price":{"amo)";
         const auto node = make(file);
         expect_equal(node->call("example.price", {{"item", "SHOVEL"}}).status(), CDK_TOOL_NOT_FOUND,
                      "the outcome");
         node->call("example.price.append", price("SHOVEL", "20.00"), "key-1");
         expect_equal(node->call("example.price", {{"item", "SHOVEL"}}).status(), CDK_TOOL_OK,
                      "the outcome after a write");
       }},
      {"a file that cannot be opened: a read may be tried again, a write is in doubt",
       [&] {
         fake_node node{plugin, "example.price-list", {{"list_file", "/nowhere/prices.jsonl"}}};
         expect_equal(node.call("example.price", {{"item", "SHOVEL"}}).status(), CDK_TOOL_TRANSIENT,
                      "the outcome of a read");
         expect_equal(node.call("example.price.append", price("SHOVEL", "20.00"), "key-1").status(),
                      CDK_TOOL_UNKNOWN, "the outcome of a write");
       }},
  });
}
