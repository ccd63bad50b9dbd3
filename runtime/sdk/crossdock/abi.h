/* crossdock plugin contract, version 1.0 (C99, C++ clean).
 *
 * A plugin is one shared library that exports one pure function, crossdock_plugin_v1, and
 * carries its manifest as canonical JSON in the ELF section CDK_MANIFEST_SECTION, which the
 * host reads before any instruction of the file runs.
 *
 * Rules that keep a binary loadable for years:
 *  - Fixed-width integers only. Text is UTF-8 as (pointer, length), never zero-terminated.
 *  - Every struct begins with struct_size. Members are only ever appended. Whoever reads a
 *    struct reads no further than struct_size; absent members are zero. Test with CDK_HAS.
 *  - Nothing allocated on one side is freed on the other. Inputs are borrowed until the call
 *    returns; outputs are copied at the call.
 *  - No exception, longjmp or C++ type crosses. All functions may be called through C.
 *  - Capabilities are found by string id; an id never changes its meaning.
 *
 * Thread marks: [step]  only inside handle(), on the step that handle() was given;
 *               [any]   from any thread, at any time between create() and destroy();
 *               [host]  called by the host, one call at a time per instance, on any thread.
 *
 * Instance states: created -> restored -> active <-> quiesced -> destroyed. handle() is called
 * in `active` alone. An illegal call is the host's bug and is logged as such.
 */
#ifndef CROSSDOCK_ABI_H
#define CROSSDOCK_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CDK_MAGIC 0x314b4443u /* "CDK1" in memory on a little-endian machine */
#define CDK_ABI_MAJOR 1u
#define CDK_ABI_MINOR 0u
#define CDK_MANIFEST_SECTION ".crossdock.manifest"
#define CDK_ENTRY_SYMBOL "crossdock_plugin_v1"

/* The newest minor version the plugin may use; functions newer than this do not compile. */
#ifndef CDK_TARGET_MINOR
#define CDK_TARGET_MINOR CDK_ABI_MINOR
#endif
#if CDK_TARGET_MINOR > CDK_ABI_MINOR
#error "CDK_TARGET_MINOR is newer than this header: install a newer crossdock SDK"
#endif

/* True if `p` is large enough to hold `field` and the field is not zero. */
#define CDK_HAS(p, field)                                                                \
  ((p) &&                                                                                \
   (uint64_t)(p)->struct_size >=                                                         \
     (uint64_t)((const char*)(&(p)->field + 1) - (const char*)(p)) &&                    \
   (p)->field)

/* ---- results of a step and of host functions: 0 done, > 0 fine, < 0 not done ---------- */
typedef int32_t cdk_status;
#define CDK_OK 0           /* done */
#define CDK_PENDING 1      /* an ask or call that will be answered later with reply() */
#define CDK_SKIPPED 2      /* not for me: counted, not delivered again */
#define CDK_E_RETRY (-1)   /* passing trouble: deliver again after a backoff; blocks its key */
#define CDK_E_REJECT (-2)  /* the message is wrong: dead letter, no further delivery */
#define CDK_E_FATAL (-3)   /* the instance is unusable: recreate it, deliver again once */
#define CDK_E_DENIED (-4)  /* not granted */
#define CDK_E_LIMIT (-5)   /* size, rate, quota or count exceeded */
#define CDK_E_DEADLINE (-6)
#define CDK_E_CANCELLED (-7)
#define CDK_E_VERSION (-8)   /* this schema or state version cannot be read */
#define CDK_E_EXCEPTION (-9) /* an exception reached the SDK's barrier */
#define CDK_E_ABSENT (-10)   /* nothing there: no such key, nobody to answer */
#define CDK_E_INVALID (-11)  /* an argument is malformed or names nothing declared */

/* ---- outcomes of a tool, in cdk_event.status of a RESULT and in reply() to a CALL ------- */
#define CDK_TOOL_OK 0
#define CDK_TOOL_REFUSED 101      /* the system of record said no; asking again is no use */
#define CDK_TOOL_NEEDS_PERSON 102 /* it asks for a confirmation: becomes a new proposal */
#define CDK_TOOL_CONFLICT 103     /* the record moved: re-read and decide again */
#define CDK_TOOL_AUTH 104         /* credentials refused */
#define CDK_TOOL_TRANSIENT 105    /* certainly not done, may be tried again */
#define CDK_TOOL_UNKNOWN 106      /* perhaps done: look it up before anything else */
#define CDK_TOOL_NOT_FOUND 107    /* answer to a LOOKUP: certainly not there */

/* ---- basic types ---------------------------------------------------------------------- */
typedef struct cdk_str {
  const char* ptr;
  uint64_t len;
} cdk_str;

typedef struct cdk_bytes {
  const uint8_t* ptr;
  uint64_t len;
} cdk_bytes;

/* Owned by the caller, filled by the callee. message is UTF-8 of message_len bytes. */
typedef struct cdk_error {
  uint32_t struct_size;
  int32_t code;
  uint32_t retry_after_ms;
  uint32_t message_len;
  char message[512];
} cdk_error;

/* write returns the bytes taken (short writes are legal) or < 0 to stop. */
typedef struct cdk_writer {
  void* ctx;
  int64_t (*write)(void* ctx, const void* data, uint64_t len);
} cdk_writer;

/* read returns the bytes given, 0 at the end, < 0 on error. */
typedef struct cdk_reader {
  void* ctx;
  int64_t (*read)(void* ctx, void* data, uint64_t len);
} cdk_reader;

typedef struct cdk_host cdk_host;         /* the host's table, valid until destroy() returns */
typedef struct cdk_step cdk_step;         /* dies when handle() returns */
typedef struct cdk_instance cdk_instance; /* the plugin's own */

/* ---- events ----------------------------------------------------------------------------- */
#define CDK_EV_START 1u    /* once per activation of the instance, before everything else */
#define CDK_EV_MESSAGE 2u  /* an event on a consumed topic */
#define CDK_EV_ASK 3u      /* a question; answer it with reply(token) */
#define CDK_EV_CALL 4u     /* a tool call to a connector; answer it with reply(token) */
#define CDK_EV_LOOKUP 5u   /* was the write with this idempotency_key done? reply(token) */
#define CDK_EV_RESULT 6u   /* answer to an ask, call, completion or search of this instance */
#define CDK_EV_DECISION 7u /* what became of a proposal of this instance */
#define CDK_EV_TIMER 8u
#define CDK_EV_POSTED 9u /* bytes handed in with post() are durable now; tag = the cookie */
#define CDK_EV_CONFIG 10u /* configuration changed while running; payload = the new one */

#define CDK_F_REDELIVERY 1u /* delivered before; its effects of then do not exist */
#define CDK_F_REPLAY 2u     /* rehearsal on recorded events: effects are suppressed */
#define CDK_F_SHADOW 4u     /* effects are compared, never released */

typedef struct cdk_event {
  uint32_t struct_size;
  uint32_t kind;
  uint32_t flags;
  uint32_t attempt;       /* 1 for the first delivery */
  uint64_t seq;           /* the event's number in the ledger, 0 for START and CONFIG */
  int64_t now_ns;         /* the host's wall clock, recorded: an agent's only clock */
  int64_t deadline_ns;    /* handle() must have returned by then */
  uint64_t token;         /* reply token of ASK, CALL and LOOKUP; request id of RESULT,
                             DECISION and TIMER */
  cdk_status status;      /* RESULT: status or tool outcome. DECISION: CDK_OK if executed */
  uint32_t reserved0;
  cdk_str id;             /* CloudEvents id */
  cdk_str topic;          /* topic, question or tool */
  cdk_str schema;         /* name and version, "order.line/1" */
  cdk_str key;            /* partition key */
  cdk_str case_id;        /* correlation; empty outside a case */
  cdk_str source;         /* who sent it, stamped by the host */
  cdk_str tenant;
  cdk_str site;
  cdk_str content_type;   /* application/json */
  cdk_str traceparent;    /* W3C trace context */
  cdk_str labels;         /* JSON array of label names */
  cdk_str idempotency_key; /* CALL of a write tool and LOOKUP */
  cdk_bytes payload;
  cdk_bytes tag;          /* the plugin's own bytes, returned verbatim */
} cdk_event;

/* ---- the host's table --------------------------------------------------------------------- */
#define CDK_LOG_DEBUG 1u
#define CDK_LOG_INFO 2u
#define CDK_LOG_WARNING 3u
#define CDK_LOG_ERROR 4u

#define CDK_METRIC_COUNTER 1u
#define CDK_METRIC_GAUGE 2u
#define CDK_METRIC_HISTOGRAM 3u

struct cdk_host {
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t reserved0;
  void* ctx; /* the host's own; pass the table itself to its functions */

  /* [any] A capability's table, or NULL: absent and not granted look the same. */
  const void* (*get_extension)(const cdk_host*, cdk_str id);
  /* [any] fields is a JSON object or empty. Rate limited. */
  void (*log)(const cdk_host*, uint32_t level, cdk_str message, cdk_str fields);
  /* [any] labels is a JSON object or empty. */
  void (*metric)(const cdk_host*, uint32_t kind, cdk_str name, double value, cdk_str labels);
  /* [any] For a connector's own threads: an event {topic, id, key, payload} for intake, as
   * JSON text. A POSTED event with `cookie` as its tag follows once it is durable; only then
   * may the source be acknowledged. CDK_E_LIMIT: the queue is full, try again later.
   * Empty event_json: POSTED follows at once and leaves no record; wakes the instance. */
  cdk_status (*post)(const cdk_host*, cdk_bytes event_json, cdk_bytes cookie);

  /* [step] Emits an event on a produced topic. `id` may be empty (the host numbers it);
   * a connector gives the source's own id, by which repeats are dropped. `key` may be empty:
   * then the topic's declared key template is applied to the payload. */
  cdk_status (*send)(cdk_step*, cdk_str topic, cdk_str id, cdk_str key, cdk_bytes payload);
  /* [step] Asks whoever answers `question`. One RESULT with `tag` follows, at the latest after
   * timeout_ms with CDK_E_DEADLINE. */
  cdk_status (*ask)(cdk_step*, cdk_str question, cdk_bytes payload, uint64_t timeout_ms,
                    cdk_bytes tag, uint64_t* request_id);
  /* [step] Answers an ASK, CALL or LOOKUP, now or in a later step, once. */
  cdk_status (*reply)(cdk_step*, uint64_t token, cdk_status status, cdk_bytes payload);
  /* [step] A durable timer: one TIMER event with `tag`, not before delay_ms. */
  cdk_status (*timer)(cdk_step*, uint64_t delay_ms, cdk_bytes tag, uint64_t* timer_id);
  /* [step] Cancels a timer or an outstanding request; nothing more arrives for it. */
  cdk_status (*cancel)(cdk_step*, uint64_t id);
  /* [step] Bytes seeded by the host and recorded, so that a replay sees the same. */
  cdk_status (*random)(cdk_step*, void* out, uint64_t len);
};

/* ---- capabilities ------------------------------------------------------------------------- */
#define CDK_CAP_LIMITS "limits/1"
#define CDK_CAP_TOOL "tool/1"
#define CDK_CAP_PROPOSE "propose/1"
#define CDK_CAP_MEMORY "memory/1"
#define CDK_CAP_MODEL "model/1"
#define CDK_CAP_SEARCH "search/1"
#define CDK_CAP_BLOB "blob/1"
#define CDK_CAP_NET "net/1"

/* limits/1: what the host enforces on this instance. */
typedef struct cdk_limits {
  uint32_t struct_size;
  uint32_t json_depth_max;
  uint64_t payload_bytes_max;
  uint64_t effects_per_step_max;
  uint64_t effect_bytes_per_step_max;
  uint64_t tag_bytes_max;
  uint64_t memory_bytes_max;
  uint64_t memory_value_bytes_max;
  uint64_t snapshot_bytes_max;
  uint64_t step_ms_soft;
  uint64_t step_ms_hard;
} cdk_limits;

/* tool/1: calls a READ tool of a connector. Writes are proposals, never calls. */
typedef struct cdk_tool {
  uint32_t struct_size;
  uint32_t reserved0;
  /* [step] One RESULT with `tag` follows; its status is a tool outcome. */
  cdk_status (*call)(cdk_step*, cdk_str tool, cdk_bytes args, uint64_t timeout_ms,
                     cdk_bytes tag, uint64_t* request_id);
} cdk_tool;

typedef struct cdk_proposal {
  uint32_t struct_size;
  uint32_t flags; /* 0 */
  cdk_str tool;   /* a write tool */
  cdk_bytes args; /* checked against the tool's schema */
  double score;   /* raw, 0..1, finite: what the model says */
  double confidence;    /* calibrated, 0..1, finite */
  cdk_bytes basis;      /* JSON: how confidence came about {model, n_samples, ...} */
  cdk_str rationale;    /* text with {} for each fact of rationale_facts, filled by the host */
  cdk_bytes rationale_facts; /* JSON array of facts, in the order of the text's {} */
  cdk_bytes evidence;   /* JSON array of facts (config/catalogue/definitions.json#fact) */
  cdk_bytes alternatives;    /* JSON array, at most 3 */
  cdk_str amount;       /* decimal: the value at stake for policy; empty = none */
  cdk_str currency;     /* ISO 4217 */
  cdk_bytes expected_value;  /* JSON {benefit, cost, currency, horizon} */
  cdk_str if_nothing_is_done;
  cdk_str object_key;   /* one live proposal per (agent, tool, object_key): newer supersedes */
  uint64_t expires_s;   /* 0 = the flow's default */
  cdk_bytes tag;        /* returned with the DECISION */
} cdk_proposal;

/* propose/1: asks the host to do something outside. The host decides, a person may. */
typedef struct cdk_propose {
  uint32_t struct_size;
  uint32_t reserved0;
  cdk_status (*propose)(cdk_step*, const cdk_proposal*, uint64_t* request_id); /* [step] */
} cdk_propose;

/* memory/1: the component's durable, keyed memory; changes commit with the step and are seen
 * by later reads of the same step. */
typedef struct cdk_memory {
  uint32_t struct_size;
  uint32_t reserved0;
  /* [step] *out stays valid until handle() returns. CDK_E_ABSENT if there is none. */
  cdk_status (*get)(cdk_step*, cdk_str key, cdk_bytes* out);
  cdk_status (*put)(cdk_step*, cdk_str key, cdk_bytes value, uint64_t ttl_s); /* 0: no expiry */
  cdk_status (*del)(cdk_step*, cdk_str key);
  /* [step] Calls visit for each key that begins with `prefix`, in byte order, until it returns
   * non-zero. */
  cdk_status (*scan)(cdk_step*, cdk_str prefix, void* ctx,
                     int32_t (*visit)(void* ctx, cdk_str key, cdk_bytes value));
} cdk_memory;

/* model/1: a language model through the host's gateway. */
typedef struct cdk_model {
  uint32_t struct_size;
  uint32_t reserved0;
  /* [step] request: JSON {prompt, version, input, schema}. One RESULT with `tag` follows. */
  cdk_status (*complete)(cdk_step*, cdk_bytes request, uint64_t timeout_ms, cdk_bytes tag,
                         uint64_t* request_id);
} cdk_model;

/* search/1: documents the component may see. */
typedef struct cdk_search {
  uint32_t struct_size;
  uint32_t reserved0;
  /* [step] request: JSON {index, query, limit}. One RESULT with `tag` follows. */
  cdk_status (*query)(cdk_step*, cdk_bytes request, uint64_t timeout_ms, cdk_bytes tag,
                      uint64_t* request_id);
} cdk_search;

/* blob/1: bytes larger than a payload, named by their SHA-256 in hex. */
typedef struct cdk_blob {
  uint32_t struct_size;
  uint32_t reserved0;
  cdk_status (*put)(cdk_step*, const cdk_reader*, char sha256_hex[64]);       /* [step] */
  cdk_status (*get)(cdk_step*, cdk_str sha256_hex, const cdk_writer*);        /* [step] */
} cdk_blob;

/* net/1: a connected socket to an endpoint named in the grant; for connectors in a child. */
typedef struct cdk_net {
  uint32_t struct_size;
  uint32_t reserved0;
  cdk_status (*connect)(const cdk_host*, cdk_str endpoint, int32_t* fd); /* [any] */
} cdk_net;

/* ---- the plugin's table ------------------------------------------------------------------- */
typedef struct cdk_plugin {
  uint32_t struct_size;
  uint32_t reserved0;
  /* [host] config is a JSON object, checked against the manifest's schema. Of the host table
   * only get_extension, log and metric may be called here. */
  cdk_status (*create)(const cdk_host*, cdk_str component, cdk_bytes config,
                       cdk_instance** out, cdk_error*);
  /* [host] One event. If it returns CDK_OK, CDK_PENDING or CDK_SKIPPED, every effect asked
   * for is recorded and released together; otherwise none exists. */
  cdk_status (*handle)(cdk_instance*, cdk_step*, const cdk_event*, cdk_error*);
  /* [host] The instance's cache, for a swap. May write nothing. */
  cdk_status (*snapshot)(cdk_instance*, const cdk_writer*, cdk_error*);
  /* [host] Before the first handle(). CDK_E_VERSION if state_schema is not in restores_from. */
  cdk_status (*restore)(cdk_instance*, uint32_t state_schema, const cdk_reader*, cdk_error*);
  /* [host] Stop own threads, finish own calls; nothing may be asked of the host after it. */
  cdk_status (*quiesce)(cdk_instance*, uint32_t reason, int64_t deadline_ns, cdk_error*);
  cdk_status (*resume)(cdk_instance*, cdk_error*); /* [host] back to active */
  /* [host] level 0 alive, 1 configuration and dependencies, 2 self-test; report is JSON. */
  cdk_status (*probe)(cdk_instance*, uint32_t level, const cdk_writer* report, cdk_error*);
  void (*destroy)(cdk_instance*); /* [host] after it no thread of the instance may run */
  /* [host] The plugin's own optional extensions, or NULL. */
  const void* (*get_extension)(cdk_instance*, cdk_str id);
} cdk_plugin;

#define CDK_QUIESCE_STOP 1u
#define CDK_QUIESCE_SWAP 2u

typedef struct cdk_entry {
  uint32_t magic; /* CDK_MAGIC */
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor;       /* the minor the plugin was built for */
  uint32_t min_host_minor;  /* the oldest host it runs on */
  uint32_t reserved0;
  const cdk_plugin* plugin;
} cdk_entry;

/* The only exported symbol: pure, no side effects, callable before and after everything. */
typedef const cdk_entry* (*cdk_entry_function)(void);
#if defined(__GNUC__)
#define CDK_EXPORT __attribute__((visibility("default")))
#else
#define CDK_EXPORT
#endif
CDK_EXPORT const cdk_entry* crossdock_plugin_v1(void);

#ifdef __cplusplus
}
#endif
#endif
