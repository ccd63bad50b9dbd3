/* A file of another major version of the contract: the host must name both and not call
 * it. */
#include <crossdock/abi.h>

static const cdk_entry entry = {CDK_MAGIC, sizeof(cdk_entry), CDK_ABI_MAJOR + 1, 0, 0, 0,
                                0};

const cdk_entry* crossdock_plugin_v1(void) {
  return &entry;
}
