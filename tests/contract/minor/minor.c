/* A plugin that is built for the contract as it is (1.0), and for one that has more (1.1). It uses
 * what is newer where the host has it, and does without elsewhere. */
#include <crossdock/abi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cdk_instance {
  const cdk_host* host;
};

static cdk_status create(const cdk_host* host, cdk_str component, cdk_bytes config,
                         cdk_instance** out, cdk_error* e) {
  (void)component;
  (void)config;
  (void)e;
  *out = malloc(sizeof **out);
  (*out)->host = host;
  return CDK_OK;
}

static cdk_status handle(cdk_instance* self, cdk_step* step, const cdk_event* event, cdk_error* e) {
  (void)e;
  if (event->kind != CDK_EV_ASK)
    return CDK_SKIPPED;
  unsigned newer = 0;
#if CDK_ABI_MINOR >= 1
  if (CDK_HAS(self->host, since_1_1))
    newer = self->host->since_1_1();
#endif
  char text[64];
  const int n = snprintf(text, sizeof text, "{\"built_for\": %u, \"newer\": %u}", CDK_ABI_MINOR, newer);
  const cdk_bytes answer = {(const uint8_t*)text, (uint64_t)n};
  return self->host->reply(step, event->token, CDK_OK, answer);
}

static cdk_status nothing_to_write(cdk_instance* self, const cdk_writer* to, cdk_error* e) {
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
  return nothing_to_write(self, to, e);
}
static void destroy(cdk_instance* self) { free(self); }
static const void* get_extension(cdk_instance* self, cdk_str id) {
  (void)self;
  (void)id;
  return 0;
}
#if CDK_ABI_MINOR >= 1
static uint64_t since_1_1(cdk_instance* self) { return self != 0 ? 4711 : 0; }
#endif

static const cdk_plugin plugin = {
  .struct_size = sizeof plugin,
  .create = create,
  .handle = handle,
  .snapshot = nothing_to_write,
  .restore = restore,
  .quiesce = quiesce,
  .resume = resume,
  .probe = probe,
  .destroy = destroy,
  .get_extension = get_extension,
#if CDK_ABI_MINOR >= 1
  .since_1_1 = since_1_1,
#endif
};
static const cdk_entry entry = {CDK_MAGIC, sizeof entry, CDK_ABI_MAJOR, CDK_ABI_MINOR, 0, 0, &plugin};

const cdk_entry* crossdock_plugin_v1(void) {
  return &entry;
}
