#include "contract/sdk_abi_c99.h"

#include <array>
#include <cstring>

#include <catch2/catch.hpp>

// Contract 1.0 is frozen: partners' binaries carry these numbers. Members may be
// appended, which makes a struct larger and moves nothing.
static_assert(sizeof(cdk_error) == 16 + 512);
static_assert(sizeof(cdk_event) == 280);
static_assert(offsetof(cdk_event, payload) == 248);
static_assert(offsetof(cdk_event, tag) == 264);
static_assert(sizeof(cdk_host) == 104);
static_assert(offsetof(cdk_host, get_extension) == 24);
static_assert(offsetof(cdk_host, random) == 96);
static_assert(sizeof(cdk_proposal) == 240);
static_assert(sizeof(cdk_plugin) == 80);
static_assert(sizeof(cdk_entry) == 32);
static_assert(offsetof(cdk_entry, plugin) == 24);
static_assert(sizeof(cdk_limits) == 80);

TEST_CASE("a plugin in C99 sees the layout that the host in C++ sees", "[sdk]") {
  const std::array<std::size_t, CROSSDOCK_LAYOUT_COUNT> here = {CROSSDOCK_LAYOUT};
  for (std::size_t i = 0; i < here.size(); ++i)
    CHECK(here[i] == crossdock_c99_layout[i]);
}

TEST_CASE("CDK_HAS reads no further than struct_size", "[sdk]") {
  cdk_event e{};
  e.kind = CDK_EV_START;
  e.struct_size = offsetof(cdk_event, kind);
  CHECK(crossdock_c99_handles(&e) == CDK_SKIPPED);
  e.struct_size = sizeof e;
  CHECK(crossdock_c99_handles(&e) == CDK_OK);
}

TEST_CASE("the magic reads CDK1 in memory", "[sdk]") {
  const std::uint32_t magic = CDK_MAGIC;
  CHECK(std::memcmp(&magic, "CDK1", 4) == 0);
}
