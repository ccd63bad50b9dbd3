/* The layout of contract 1.0 as both languages see it: sizes and the offsets that a later
 * version must not move. */
#ifndef CROSSDOCK_TEST_SDK_ABI_C99_H
#define CROSSDOCK_TEST_SDK_ABI_C99_H

#include <crossdock/abi.h>
#include <stddef.h>

#define CROSSDOCK_LAYOUT                                                                 \
  sizeof(cdk_str), sizeof(cdk_bytes), sizeof(cdk_error), sizeof(cdk_writer),             \
      sizeof(cdk_reader), sizeof(cdk_event), sizeof(cdk_host), sizeof(cdk_limits),       \
      sizeof(cdk_tool), sizeof(cdk_proposal), sizeof(cdk_propose), sizeof(cdk_memory),   \
      sizeof(cdk_model), sizeof(cdk_search), sizeof(cdk_blob), sizeof(cdk_net),          \
      sizeof(cdk_plugin), sizeof(cdk_entry), offsetof(cdk_error, message),               \
      offsetof(cdk_event, seq), offsetof(cdk_event, token), offsetof(cdk_event, status), \
      offsetof(cdk_event, topic), offsetof(cdk_event, idempotency_key),                  \
      offsetof(cdk_event, payload), offsetof(cdk_event, tag), offsetof(cdk_host, ctx),   \
      offsetof(cdk_host, post), offsetof(cdk_host, random),                              \
      offsetof(cdk_proposal, score), offsetof(cdk_proposal, object_key),                 \
      offsetof(cdk_proposal, tag), offsetof(cdk_plugin, handle),                         \
      offsetof(cdk_plugin, destroy), offsetof(cdk_entry, plugin)
#define CROSSDOCK_LAYOUT_COUNT 35

#ifdef __cplusplus
extern "C" {
#endif
extern const uint32_t crossdock_c99_layout[CROSSDOCK_LAYOUT_COUNT];
int32_t crossdock_c99_handles(const cdk_event* e);
#ifdef __cplusplus
}
#endif
#endif
