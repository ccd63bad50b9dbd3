/* An agent in plain C: counts the order lines of each item and site (the event's partition key)
 * and says so when more than `limit` of them came within an hour. It shows the whole contract
 * that a small agent needs: configuration, memory that expires, an event of its own, errors. */
#include <crossdock/abi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_S 3600u

/* The type that abi.h leaves to us. */
struct cdk_instance {
  const cdk_host* host;
  const cdk_memory* memory;
  unsigned long limit;
};

static cdk_str text(const char* s) {
  cdk_str out;
  out.ptr = s;
  out.len = strlen(s);
  return out;
}

static cdk_bytes bytes(const char* s, uint64_t len) {
  cdk_bytes out;
  out.ptr = (const uint8_t*)s;
  out.len = len;
  return out;
}

/* Fills the host's error, if it is there and as large as ours, and returns `code`. */
static cdk_status fail(cdk_error* error, cdk_status code, const char* why) {
  if (error && error->struct_size >= sizeof *error) {
    size_t len = strlen(why);
    if (len > sizeof error->message)
      len = sizeof error->message;
    memcpy(error->message, why, len);
    error->message_len = (uint32_t)len;
    error->code = code;
  }
  return code;
}

/* The configuration was checked against the manifest's schema: a whole number of at most seven
 * digits, or absent. */
static unsigned long limit_of(cdk_bytes config) {
  char copy[256];
  const char* member;
  if (config.len >= sizeof copy)
    return 3;
  memcpy(copy, config.ptr, (size_t)config.len);
  copy[config.len] = 0;
  member = strstr(copy, "\"limit\"");
  member = member ? strchr(member, ':') : NULL;
  return member ? strtoul(member + 1, NULL, 10) : 3;
}

static cdk_status create(const cdk_host* host, cdk_str component, cdk_bytes config,
                         cdk_instance** out, cdk_error* error) {
  const char id[] = "example.busy-items";
  cdk_instance* self;
  if (component.len != sizeof id - 1 || memcmp(component.ptr, id, sizeof id - 1) != 0)
    return fail(error, CDK_E_ABSENT, "this plugin has one component, example.busy-items");
  self = calloc(1, sizeof *self);
  if (!self)
    return fail(error, CDK_E_RETRY, "out of memory");
  self->host = host;
  self->limit = limit_of(config);
  /* NULL if the operator did not grant it. */
  self->memory = host->get_extension(host, text(CDK_CAP_MEMORY));
  if (!self->memory) {
    free(self);
    return fail(error, CDK_E_DENIED, "memory/1 is needed and was not granted");
  }
  *out = self;
  return CDK_OK;
}

static void destroy(cdk_instance* self) {
  free(self);
}

/* Writes {"key":"...","lines":n} and returns its length, 0 if it does not fit. The key comes
 * from a system outside, so it is escaped. */
static size_t write_event(char* to, size_t room, cdk_str key, unsigned long lines) {
  size_t at = 0;
  uint64_t i;
  int n = snprintf(to, room, "{\"key\":\"");
  at = (size_t)n;
  for (i = 0; i < key.len; ++i) {
    const unsigned char c = (unsigned char)key.ptr[i];
    if (at + 8 >= room)
      return 0;
    if (c == '"' || c == '\\')
      n = snprintf(to + at, room - at, "\\%c", c);
    else if (c < 0x20)
      n = snprintf(to + at, room - at, "\\u%04x", c);
    else
      n = snprintf(to + at, room - at, "%c", c);
    at += (size_t)n;
  }
  n = snprintf(to + at, room - at, "\",\"lines\":%lu}", lines);
  return n > 0 && (size_t)n < room - at ? at + (size_t)n : 0;
}

/* Effects are kept only if we return CDK_OK: a count that was written before a failed send does
 * not exist either. */
static cdk_status order_line(cdk_instance* self, cdk_step* step, const cdk_event* event,
                             cdk_error* error) {
  char value[32];
  char payload[1024];
  unsigned long lines = 0;
  size_t len;
  cdk_bytes seen;
  cdk_status status = self->memory->get(step, event->key, &seen);
  if (status == CDK_OK && seen.len < sizeof value) {
    memcpy(value, seen.ptr, (size_t)seen.len);
    value[seen.len] = 0;
    lines = strtoul(value, NULL, 10);
  } else if (status != CDK_OK && status != CDK_E_ABSENT) {
    return fail(error, status, "memory cannot be read");
  }
  ++lines;
  len = (size_t)snprintf(value, sizeof value, "%lu", lines);
  status = self->memory->put(step, event->key, bytes(value, len), WINDOW_S);
  if (status != CDK_OK)
    return fail(error, status, "memory cannot be written");
  if (lines != self->limit + 1) /* once for each window, not with every further line */
    return CDK_OK;
  len = write_event(payload, sizeof payload, event->key, lines);
  if (len == 0)
    return fail(error, CDK_E_REJECT, "the key is longer than 900 bytes");
  status = self->host->send(step, text("example.busy_item"), text(""), event->key,
                            bytes(payload, len));
  return status == CDK_OK ? CDK_OK : fail(error, status, "the event was not taken");
}

static cdk_status handle(cdk_instance* self, cdk_step* step, const cdk_event* event,
                         cdk_error* error) {
  switch (event->kind) {
  case CDK_EV_MESSAGE:
    return order_line(self, step, event, error);
  case CDK_EV_CONFIG:
    self->limit = limit_of(event->payload);
    return CDK_OK;
  default:
    return CDK_SKIPPED;
  }
}

/* Nothing is kept in the instance, so there is nothing to carry across a swap. */
static cdk_status snapshot(cdk_instance* self, const cdk_writer* writer, cdk_error* error) {
  (void)self;
  (void)writer;
  (void)error;
  return CDK_OK;
}

static cdk_status restore(cdk_instance* self, uint32_t schema, const cdk_reader* reader,
                          cdk_error* error) {
  (void)self;
  (void)reader;
  return schema == 1 ? CDK_OK : fail(error, CDK_E_VERSION, "only state schema 1 is known");
}

static cdk_status quiesce(cdk_instance* self, uint32_t reason, int64_t deadline_ns,
                          cdk_error* error) {
  (void)self;
  (void)reason;
  (void)deadline_ns;
  (void)error;
  return CDK_OK;
}

static cdk_status resume(cdk_instance* self, cdk_error* error) {
  (void)self;
  (void)error;
  return CDK_OK;
}

static cdk_status probe(cdk_instance* self, uint32_t level, const cdk_writer* report,
                        cdk_error* error) {
  (void)self;
  (void)level;
  (void)report;
  (void)error;
  return CDK_OK;
}

const cdk_entry* crossdock_plugin_v1(void) {
  static const cdk_plugin table = {sizeof(cdk_plugin), 0, create, handle, snapshot, restore,
                                   quiesce, resume, probe, destroy, NULL};
  static const cdk_entry entry = {CDK_MAGIC, sizeof(cdk_entry), CDK_ABI_MAJOR,
                                  CDK_TARGET_MINOR, 0, 0, &table};
  return &entry;
}
