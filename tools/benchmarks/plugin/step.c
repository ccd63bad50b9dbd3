/* The work of `tools/bench plugin`: what a step costs when the plugin itself does next to nothing. The
 * first byte of the event's key says what it does: 'n' nothing, 'p' 100 bytes into memory, 's' one
 * event. */
#include <crossdock/abi.h>

#include <stdlib.h>
#include <string.h>

struct cdk_instance {
  const cdk_host* host;
  const cdk_memory* memory;
};

static cdk_str text(const char* t) {
  const cdk_str s = {t, strlen(t)};
  return s;
}
static cdk_bytes data(const char* t) {
  const cdk_bytes b = {(const uint8_t*)t, strlen(t)};
  return b;
}

static cdk_status create(const cdk_host* host, cdk_str component, cdk_bytes config,
                         cdk_instance** out, cdk_error* e) {
  (void)component;
  (void)config;
  (void)e;
  *out = malloc(sizeof **out);
  (*out)->host = host;
  (*out)->memory = host->get_extension(host, text(CDK_CAP_MEMORY));
  return CDK_OK;
}

static cdk_status handle(cdk_instance* self, cdk_step* step, const cdk_event* event, cdk_error* e) {
  (void)e;
  switch (event->key.len > 0 ? event->key.ptr[0] : 'n') {
  case 'p': {
    const cdk_bytes value = {event->payload.ptr, event->payload.len < 100 ? event->payload.len : 100};
    return self->memory->put(step, text("last"), value, 0);
  }
  case 's':
    return self->host->send(step, text("order.line_settled"), text(""), text("SO-1/1"),
                            data("{\"line\":\"SO-1/1\",\"reason\":\"shipped\",\"state\":\"shipped\"}"));
  default: return CDK_OK;
  }
}

static cdk_status write_nothing(cdk_instance* self, const cdk_writer* to, cdk_error* e) {
  (void)self;
  (void)to;
  (void)e;
  return CDK_OK;
}
static cdk_status restore(cdk_instance* self, uint32_t schema, const cdk_reader* from, cdk_error* e) {
  (void)self;
  (void)schema;
  (void)from;
  (void)e;
  return CDK_OK;
}
static cdk_status quiesce(cdk_instance* self, uint32_t reason, int64_t deadline, cdk_error* e) {
  (void)self;
  (void)reason;
  (void)deadline;
  (void)e;
  return CDK_OK;
}
static cdk_status resume(cdk_instance* self, cdk_error* e) {
  (void)self;
  (void)e;
  return CDK_OK;
}
static cdk_status probe(cdk_instance* self, uint32_t level, const cdk_writer* to, cdk_error* e) {
  (void)level;
  return write_nothing(self, to, e);
}
static void destroy(cdk_instance* self) { free(self); }
static const void* get_extension(cdk_instance* self, cdk_str id) {
  (void)self;
  (void)id;
  return 0;
}

static const cdk_plugin plugin = {sizeof plugin, 0,      create, handle, write_nothing, restore,
                                  quiesce,       resume, probe,  destroy, get_extension};
static const cdk_entry entry = {CDK_MAGIC, sizeof entry, CDK_ABI_MAJOR, CDK_ABI_MINOR, 0, 0, &plugin};

const cdk_entry* crossdock_plugin_v1(void) {
  return &entry;
}
