/* Compiled as strict C99: a plugin in plain C sees the same layout as one in C++. */
#include <crossdock/abi.h>
#include <stddef.h>

#include "sdk_abi_c99.h"

const uint32_t crossdock_c99_layout[CROSSDOCK_LAYOUT_COUNT] = {CROSSDOCK_LAYOUT};

static cdk_status handle(cdk_instance* i, cdk_step* s, const cdk_event* e,
                         cdk_error* error) {
  (void)i;
  (void)s;
  (void)error;
  return CDK_HAS(e, kind) && e->kind == CDK_EV_START ? CDK_OK : CDK_SKIPPED;
}

int32_t crossdock_c99_handles(const cdk_event* e) {
  const cdk_plugin table = {sizeof(cdk_plugin), 0, 0, handle, 0, 0, 0, 0, 0, 0, 0};
  return table.handle(0, 0, e, 0);
}
