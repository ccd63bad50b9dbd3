/* One good agent in plain C, and as many bad ones as there are reasons: BROKEN says which. */
#include <crossdock/abi.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  good,
  crash_on_config,
  instance_on_failure,
  unknown_component,
  leak_life,
  leak_step,
  shared_state,
  crash_on_empty,
  scribble,
  hang_on_depth,
  undeclared_topic,
  act_on_unknown,
  crash_on_denied,
  clock_in_effects,
  wandering_snapshot,
  restore_loses,
  crash_on_damaged_state,
  ignores_host_failure,
  needs_exact_host,
  shares_environment,
  trusts_malloc
};

struct cdk_instance {
  const cdk_host* host;
  unsigned long events;
  char* note;
};
static char* volatile last_note; /* what one instance leaves for the others: shared_state */

static cdk_status create(const cdk_host* host, cdk_str component, cdk_bytes config,
                         cdk_instance** out, cdk_error* e) {
  (void)e;
  if (BROKEN == crash_on_config && config.len < 2)
    abort();
  if (BROKEN == needs_exact_host && host->struct_size != sizeof *host)
    return CDK_E_VERSION;
  if (BROKEN != unknown_component &&
      (component.len != strlen("test.broken") || memcmp(component.ptr, "test.broken", component.len)))
    return CDK_E_ABSENT;
  *out = calloc(1, sizeof **out);
  if (*out == 0)
    return CDK_E_LIMIT;
  (*out)->host = host;
  (*out)->note = malloc(4096);
  if ((*out)->note == 0) {
    free(*out);
    *out = 0;
    return CDK_E_LIMIT;
  }
  memset((*out)->note, 1, 4096);
  if (BROKEN == shared_state)
    last_note = (*out)->note;
  return BROKEN == instance_on_failure && config.len < 2 ? CDK_E_INVALID : CDK_OK;
}

static unsigned depth_of(cdk_bytes payload) {
  unsigned depth = 0, most = 0;
  for (uint64_t i = 0; i < payload.len; ++i) {
    const char c = ((const char*)payload.ptr)[i];
    depth += c == '[';
    most = depth > most ? depth : most;
  }
  return most;
}

static cdk_str text(const char* t) {
  cdk_str s = {t, strlen(t)};
  return s;
}
static cdk_bytes data(const char* t) {
  cdk_bytes b = {(const uint8_t*)t, strlen(t)};
  return b;
}

static cdk_status handle(cdk_instance* self, cdk_step* step, const cdk_event* event, cdk_error* e) {
  (void)e;
  if (event->kind == CDK_EV_RESULT) {
    if (BROKEN == crash_on_denied && event->status == CDK_E_DENIED)
      abort();
    return CDK_OK;
  }
  if (BROKEN == act_on_unknown && event->kind == CDK_EV_MESSAGE)
    return self->host->send(step, text("test.done"), text(""), text(""), data("{}"));
  if (event->kind != CDK_EV_MESSAGE || event->topic.len != strlen("test.event"))
    return CDK_SKIPPED;
  ++self->events;
  if (BROKEN == crash_on_empty && event->payload.len == 0)
    abort();
  if (BROKEN == scribble && event->payload.len > 0)
    ((char*)(uintptr_t)event->payload.ptr)[0] = ' ';
  if (BROKEN == hang_on_depth)
    for (volatile unsigned spin = 0; depth_of(event->payload) > 300; ++spin) {
    }
  if (BROKEN == leak_step)
    last_note = malloc(2048);
  if (BROKEN == shared_state && last_note[0] != 1)
    abort();
  if (BROKEN == undeclared_topic)
    return self->host->send(step, text("test.secret"), text(""), text(""), data("{}"));
  if (BROKEN == crash_on_denied)
    return self->host->ask(step, text("test.echo"), data("{}"), 1000, data("t"), 0);
  char payload[64] = "{\"seen\": true}";
  if (BROKEN == clock_in_effects) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (int i = 0; i < 9; ++i)
      payload[2 + i] = (char)('a' + now.tv_nsec / (i + 1) % 26);
    strcpy(payload + 11, "\": true}");
    payload[1] = '"';
  }
  if (BROKEN == trusts_malloc) {
    volatile char* room = malloc(64);
    room[0] = 1;
    free((void*)(uintptr_t)room);
  }
  if (BROKEN == shares_environment) {
    if (getenv("CROSSDOCK_BROKEN"))
      strcpy(payload, "{\"seen\": \"by another\"}");
    if (self->events == 4)
      setenv("CROSSDOCK_BROKEN", "1", 1);
  }
  const cdk_status sent =
    self->host->send(step, text("test.done"), text(""), text(""), data(payload));
  if (BROKEN == ignores_host_failure && sent < 0)
    abort();
  return sent;
}

static cdk_status put(const cdk_writer* to, const char* bytes, uint64_t len) {
  while (len > 0) {
    const int64_t n = to->write(to->ctx, bytes, len);
    if (n <= 0)
      return CDK_E_LIMIT;
    bytes += n;
    len -= (uint64_t)n;
  }
  return CDK_OK;
}

static cdk_status snapshot(cdk_instance* self, const cdk_writer* to, cdk_error* e) {
  (void)e;
  static unsigned char wandering;
  const unsigned char first = BROKEN == wandering_snapshot ? ++wandering : 'S';
  const unsigned char state[4] = {first, (unsigned char)self->events, 2, 3};
  return put(to, (const char*)state, sizeof state);
}

static cdk_status restore(cdk_instance* self, uint32_t schema, const cdk_reader* from, cdk_error* e) {
  (void)schema;
  (void)e;
  unsigned char state[4];
  uint64_t have = 0;
  while (have < sizeof state) {
    const int64_t n = from->read(from->ctx, state + have, sizeof state - have);
    if (n <= 0)
      break;
    have += (uint64_t)n;
  }
  if (have < sizeof state || state[2] != 2 || state[3] != 3) {
    if (BROKEN == crash_on_damaged_state)
      abort();
    return CDK_E_INVALID;
  }
  self->events = BROKEN == restore_loses ? 0 : state[1];
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
static cdk_status probe(cdk_instance* self, uint32_t level, const cdk_writer* report, cdk_error* e) {
  (void)self;
  (void)level;
  (void)e;
  return put(report, "{}", 2);
}
static void destroy(cdk_instance* self) {
  if (BROKEN == shared_state)
    self->note[0] = 0;
  if (BROKEN != leak_life)
    free(self->note);
  free(self);
}
static const void* get_extension(cdk_instance* self, cdk_str id) {
  (void)id;
  return BROKEN == unknown_component ? self : 0;
}

static const cdk_plugin plugin = {sizeof plugin, 0,       create, handle, snapshot, restore,
                                  quiesce,       resume,  probe,  destroy, get_extension};
static const cdk_entry entry = {CDK_MAGIC, sizeof entry, CDK_ABI_MAJOR, CDK_ABI_MINOR, 0, 0, &plugin};

const cdk_entry* crossdock_plugin_v1(void) {
  return &entry;
}
