/* The layout of every structure of the contract, as it was frozen with version 1.0. A line that fails
 * here means that plugins which were built before cannot be loaded any more: append members behind the
 * last one, raise CDK_ABI_MINOR and add lines, but never change one. Sizes are what 1.0 has: a newer
 * minor version may only raise them. LP64, as all that crossdock runs on. */
#include "crossdock/abi.h"

#include <stddef.h>

#define SIZE(type, bytes) \
  _Static_assert(CDK_ABI_MINOR == 0 ? sizeof(type) == (bytes) : sizeof(type) >= (bytes), \
                 "the size of " #type " changed")
#define MEMBER(type, name, at, bytes)                                                   \
  _Static_assert(offsetof(type, name) == (at), #type "." #name " moved");              \
  _Static_assert(sizeof(((type*)0)->name) == (bytes), #type "." #name " has another size")

_Static_assert(sizeof(void*) == 8, "a pointer has 8 bytes");


SIZE(cdk_str, 16);
MEMBER(cdk_str, ptr, 0, 8);
MEMBER(cdk_str, len, 8, 8);

SIZE(cdk_bytes, 16);
MEMBER(cdk_bytes, ptr, 0, 8);
MEMBER(cdk_bytes, len, 8, 8);

SIZE(cdk_error, 528);
MEMBER(cdk_error, struct_size, 0, 4);
MEMBER(cdk_error, code, 4, 4);
MEMBER(cdk_error, retry_after_ms, 8, 4);
MEMBER(cdk_error, message_len, 12, 4);
MEMBER(cdk_error, message, 16, 512);

SIZE(cdk_writer, 16);
MEMBER(cdk_writer, ctx, 0, 8);
MEMBER(cdk_writer, write, 8, 8);

SIZE(cdk_reader, 16);
MEMBER(cdk_reader, ctx, 0, 8);
MEMBER(cdk_reader, read, 8, 8);

SIZE(cdk_event, 280);
MEMBER(cdk_event, struct_size, 0, 4);
MEMBER(cdk_event, kind, 4, 4);
MEMBER(cdk_event, flags, 8, 4);
MEMBER(cdk_event, attempt, 12, 4);
MEMBER(cdk_event, seq, 16, 8);
MEMBER(cdk_event, now_ns, 24, 8);
MEMBER(cdk_event, deadline_ns, 32, 8);
MEMBER(cdk_event, token, 40, 8);
MEMBER(cdk_event, status, 48, 4);
MEMBER(cdk_event, reserved0, 52, 4);
MEMBER(cdk_event, id, 56, 16);
MEMBER(cdk_event, topic, 72, 16);
MEMBER(cdk_event, schema, 88, 16);
MEMBER(cdk_event, key, 104, 16);
MEMBER(cdk_event, case_id, 120, 16);
MEMBER(cdk_event, source, 136, 16);
MEMBER(cdk_event, tenant, 152, 16);
MEMBER(cdk_event, site, 168, 16);
MEMBER(cdk_event, content_type, 184, 16);
MEMBER(cdk_event, traceparent, 200, 16);
MEMBER(cdk_event, labels, 216, 16);
MEMBER(cdk_event, idempotency_key, 232, 16);
MEMBER(cdk_event, payload, 248, 16);
MEMBER(cdk_event, tag, 264, 16);

SIZE(cdk_host, 104);
MEMBER(cdk_host, struct_size, 0, 4);
MEMBER(cdk_host, abi_major, 4, 4);
MEMBER(cdk_host, abi_minor, 8, 4);
MEMBER(cdk_host, reserved0, 12, 4);
MEMBER(cdk_host, ctx, 16, 8);
MEMBER(cdk_host, get_extension, 24, 8);
MEMBER(cdk_host, log, 32, 8);
MEMBER(cdk_host, metric, 40, 8);
MEMBER(cdk_host, post, 48, 8);
MEMBER(cdk_host, send, 56, 8);
MEMBER(cdk_host, ask, 64, 8);
MEMBER(cdk_host, reply, 72, 8);
MEMBER(cdk_host, timer, 80, 8);
MEMBER(cdk_host, cancel, 88, 8);
MEMBER(cdk_host, random, 96, 8);

SIZE(cdk_limits, 80);
MEMBER(cdk_limits, struct_size, 0, 4);
MEMBER(cdk_limits, json_depth_max, 4, 4);
MEMBER(cdk_limits, payload_bytes_max, 8, 8);
MEMBER(cdk_limits, effects_per_step_max, 16, 8);
MEMBER(cdk_limits, effect_bytes_per_step_max, 24, 8);
MEMBER(cdk_limits, tag_bytes_max, 32, 8);
MEMBER(cdk_limits, memory_bytes_max, 40, 8);
MEMBER(cdk_limits, memory_value_bytes_max, 48, 8);
MEMBER(cdk_limits, snapshot_bytes_max, 56, 8);
MEMBER(cdk_limits, step_ms_soft, 64, 8);
MEMBER(cdk_limits, step_ms_hard, 72, 8);

SIZE(cdk_tool, 16);
MEMBER(cdk_tool, struct_size, 0, 4);
MEMBER(cdk_tool, reserved0, 4, 4);
MEMBER(cdk_tool, call, 8, 8);

SIZE(cdk_proposal, 240);
MEMBER(cdk_proposal, struct_size, 0, 4);
MEMBER(cdk_proposal, flags, 4, 4);
MEMBER(cdk_proposal, tool, 8, 16);
MEMBER(cdk_proposal, args, 24, 16);
MEMBER(cdk_proposal, score, 40, 8);
MEMBER(cdk_proposal, confidence, 48, 8);
MEMBER(cdk_proposal, basis, 56, 16);
MEMBER(cdk_proposal, rationale, 72, 16);
MEMBER(cdk_proposal, rationale_facts, 88, 16);
MEMBER(cdk_proposal, evidence, 104, 16);
MEMBER(cdk_proposal, alternatives, 120, 16);
MEMBER(cdk_proposal, amount, 136, 16);
MEMBER(cdk_proposal, currency, 152, 16);
MEMBER(cdk_proposal, expected_value, 168, 16);
MEMBER(cdk_proposal, if_nothing_is_done, 184, 16);
MEMBER(cdk_proposal, object_key, 200, 16);
MEMBER(cdk_proposal, expires_s, 216, 8);
MEMBER(cdk_proposal, tag, 224, 16);

SIZE(cdk_propose, 16);
MEMBER(cdk_propose, struct_size, 0, 4);
MEMBER(cdk_propose, reserved0, 4, 4);
MEMBER(cdk_propose, propose, 8, 8);

SIZE(cdk_memory, 40);
MEMBER(cdk_memory, struct_size, 0, 4);
MEMBER(cdk_memory, reserved0, 4, 4);
MEMBER(cdk_memory, get, 8, 8);
MEMBER(cdk_memory, put, 16, 8);
MEMBER(cdk_memory, del, 24, 8);
MEMBER(cdk_memory, scan, 32, 8);

SIZE(cdk_model, 16);
MEMBER(cdk_model, struct_size, 0, 4);
MEMBER(cdk_model, reserved0, 4, 4);
MEMBER(cdk_model, complete, 8, 8);

SIZE(cdk_search, 16);
MEMBER(cdk_search, struct_size, 0, 4);
MEMBER(cdk_search, reserved0, 4, 4);
MEMBER(cdk_search, query, 8, 8);

SIZE(cdk_blob, 24);
MEMBER(cdk_blob, struct_size, 0, 4);
MEMBER(cdk_blob, reserved0, 4, 4);
MEMBER(cdk_blob, put, 8, 8);
MEMBER(cdk_blob, get, 16, 8);

SIZE(cdk_net, 16);
MEMBER(cdk_net, struct_size, 0, 4);
MEMBER(cdk_net, reserved0, 4, 4);
MEMBER(cdk_net, connect, 8, 8);

SIZE(cdk_plugin, 80);
MEMBER(cdk_plugin, struct_size, 0, 4);
MEMBER(cdk_plugin, reserved0, 4, 4);
MEMBER(cdk_plugin, create, 8, 8);
MEMBER(cdk_plugin, handle, 16, 8);
MEMBER(cdk_plugin, snapshot, 24, 8);
MEMBER(cdk_plugin, restore, 32, 8);
MEMBER(cdk_plugin, quiesce, 40, 8);
MEMBER(cdk_plugin, resume, 48, 8);
MEMBER(cdk_plugin, probe, 56, 8);
MEMBER(cdk_plugin, destroy, 64, 8);
MEMBER(cdk_plugin, get_extension, 72, 8);

SIZE(cdk_entry, 32);
MEMBER(cdk_entry, magic, 0, 4);
MEMBER(cdk_entry, struct_size, 4, 4);
MEMBER(cdk_entry, abi_major, 8, 4);
MEMBER(cdk_entry, abi_minor, 12, 4);
MEMBER(cdk_entry, min_host_minor, 16, 4);
MEMBER(cdk_entry, reserved0, 20, 4);
MEMBER(cdk_entry, plugin, 24, 8);

/* Numbers that are in plugin files. */
_Static_assert(CDK_MAGIC == 0x314b4443u, "CDK_MAGIC changed");
_Static_assert(CDK_ABI_MAJOR == 1u, "CDK_ABI_MAJOR changed");
_Static_assert(CDK_OK == 0, "CDK_OK changed");
_Static_assert(CDK_PENDING == 1, "CDK_PENDING changed");
_Static_assert(CDK_SKIPPED == 2, "CDK_SKIPPED changed");
_Static_assert(CDK_E_RETRY == -1, "CDK_E_RETRY changed");
_Static_assert(CDK_E_REJECT == -2, "CDK_E_REJECT changed");
_Static_assert(CDK_E_FATAL == -3, "CDK_E_FATAL changed");
_Static_assert(CDK_E_DENIED == -4, "CDK_E_DENIED changed");
_Static_assert(CDK_E_LIMIT == -5, "CDK_E_LIMIT changed");
_Static_assert(CDK_E_DEADLINE == -6, "CDK_E_DEADLINE changed");
_Static_assert(CDK_E_CANCELLED == -7, "CDK_E_CANCELLED changed");
_Static_assert(CDK_E_VERSION == -8, "CDK_E_VERSION changed");
_Static_assert(CDK_E_EXCEPTION == -9, "CDK_E_EXCEPTION changed");
_Static_assert(CDK_E_ABSENT == -10, "CDK_E_ABSENT changed");
_Static_assert(CDK_E_INVALID == -11, "CDK_E_INVALID changed");
_Static_assert(CDK_TOOL_OK == 0, "CDK_TOOL_OK changed");
_Static_assert(CDK_TOOL_REFUSED == 101, "CDK_TOOL_REFUSED changed");
_Static_assert(CDK_TOOL_NEEDS_PERSON == 102, "CDK_TOOL_NEEDS_PERSON changed");
_Static_assert(CDK_TOOL_CONFLICT == 103, "CDK_TOOL_CONFLICT changed");
_Static_assert(CDK_TOOL_AUTH == 104, "CDK_TOOL_AUTH changed");
_Static_assert(CDK_TOOL_TRANSIENT == 105, "CDK_TOOL_TRANSIENT changed");
_Static_assert(CDK_TOOL_UNKNOWN == 106, "CDK_TOOL_UNKNOWN changed");
_Static_assert(CDK_TOOL_NOT_FOUND == 107, "CDK_TOOL_NOT_FOUND changed");
_Static_assert(CDK_EV_START == 1u, "CDK_EV_START changed");
_Static_assert(CDK_EV_MESSAGE == 2u, "CDK_EV_MESSAGE changed");
_Static_assert(CDK_EV_ASK == 3u, "CDK_EV_ASK changed");
_Static_assert(CDK_EV_CALL == 4u, "CDK_EV_CALL changed");
_Static_assert(CDK_EV_LOOKUP == 5u, "CDK_EV_LOOKUP changed");
_Static_assert(CDK_EV_RESULT == 6u, "CDK_EV_RESULT changed");
_Static_assert(CDK_EV_DECISION == 7u, "CDK_EV_DECISION changed");
_Static_assert(CDK_EV_TIMER == 8u, "CDK_EV_TIMER changed");
_Static_assert(CDK_EV_POSTED == 9u, "CDK_EV_POSTED changed");
_Static_assert(CDK_EV_CONFIG == 10u, "CDK_EV_CONFIG changed");
_Static_assert(CDK_F_REDELIVERY == 1u, "CDK_F_REDELIVERY changed");
_Static_assert(CDK_F_REPLAY == 2u, "CDK_F_REPLAY changed");
_Static_assert(CDK_F_SHADOW == 4u, "CDK_F_SHADOW changed");
_Static_assert(CDK_LOG_DEBUG == 1u, "CDK_LOG_DEBUG changed");
_Static_assert(CDK_LOG_INFO == 2u, "CDK_LOG_INFO changed");
_Static_assert(CDK_LOG_WARNING == 3u, "CDK_LOG_WARNING changed");
_Static_assert(CDK_LOG_ERROR == 4u, "CDK_LOG_ERROR changed");
_Static_assert(CDK_METRIC_COUNTER == 1u, "CDK_METRIC_COUNTER changed");
_Static_assert(CDK_METRIC_GAUGE == 2u, "CDK_METRIC_GAUGE changed");
_Static_assert(CDK_METRIC_HISTOGRAM == 3u, "CDK_METRIC_HISTOGRAM changed");
_Static_assert(CDK_QUIESCE_STOP == 1u, "CDK_QUIESCE_STOP changed");
_Static_assert(CDK_QUIESCE_SWAP == 2u, "CDK_QUIESCE_SWAP changed");
