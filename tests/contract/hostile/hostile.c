/* What an attacker might ship: one file for each thing it tries, HOSTILE says which. On test.event it
 * attacks; if it is still there afterwards it says test.done {"by": its name, "got": what came of it}. */
#define _GNU_SOURCE
#include <crossdock/abi.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct cdk_instance {
  const cdk_host* host;
  cdk_step* old_step;
  uint64_t old_token;
  volatile unsigned spin;
};

static cdk_str text(const char* t) {
  const cdk_str s = {t, strlen(t)};
  return s;
}
static cdk_bytes data(const char* t) {
  const cdk_bytes b = {(const uint8_t*)t, strlen(t)};
  return b;
}

struct step {
  cdk_instance* self;
  cdk_step* step;
  const cdk_event* event;
};

/* Each gives 0 if it got what it wanted, and otherwise errno or a status. */

/* -- files ---------------------------------------------------------------------------------------- */
static int opened(const char* path, int flags) {
  const int fd = open(path, flags, 0600);
  return fd >= 0 ? 0 : errno;
}
static int read_ledger_key(struct step* s) {
  char path[400];
  const uint64_t n = s->event->payload.len < 399 ? s->event->payload.len : 399;
  memcpy(path, s->event->payload.ptr, n);
  path[n] = 0;
  char* key = strstr(path, "\"file\":\"");
  if (!key)
    return EINVAL;
  key += 8;
  *strchr(key, '"') = 0;
  return opened(key, O_RDONLY);
}
static int read_passwords(struct step* s) { (void)s; return opened("/etc/passwd", O_RDONLY); }
static int read_parent_memory(struct step* s) {
  (void)s;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mem", getppid());
  return opened(path, O_RDWR);
}
static int write_file(struct step* s) { (void)s; return opened("/tmp/hostile-was-here", O_CREAT | O_WRONLY); }
static int list_folder(struct step* s) { (void)s; return opened("/", O_RDONLY | O_DIRECTORY); }
static int remove_file(struct step* s) { (void)s; return unlink("/tmp/hostile-target") == 0 ? 0 : errno; }
static int leak_descriptors(struct step* s) {
  (void)s;
  int last = 0;
  for (int i = 0; i < 100000 && last >= 0; ++i)
    last = dup(1);
  return last >= 0 ? 0 : errno;
}
static int close_descriptors(struct step* s) {
  (void)s;
  for (int i = 0; i < 64; ++i)
    close(i);
  return 0;
}

/* -- network -------------------------------------------------------------------------------------- */
static int open_socket(struct step* s) { (void)s; return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : errno; }
static int open_local_socket(struct step* s) { (void)s; return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : errno; }
static int open_netlink(struct step* s) { (void)s; return socket(AF_NETLINK, SOCK_RAW, 0) >= 0 ? 0 : errno; }
static int connect_channel(struct step* s) {
  (void)s;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(3, (const struct sockaddr*)&to, sizeof to) == 0 ? 0 : errno;
}
static int ask_for_endpoint(struct step* s) {
  const cdk_net* net = s->self->host->get_extension(s->self->host, text(CDK_CAP_NET));
  int fd = -1;
  return net == 0 ? CDK_E_DENIED : net->connect(s->self->host, text("erp"), &fd);
}

/* -- processes ------------------------------------------------------------------------------------ */
static int fork_once(struct step* s) {
  (void)s;
  const pid_t p = fork();
  if (p == 0)
    _exit(0);
  return p > 0 ? 0 : errno;
}
static int fork_bomb(struct step* s) {
  int last = 0;
  for (int i = 0; i < 1000; ++i)
    last = fork_once(s);
  return last;
}
static int execute(struct step* s) {
  (void)s;
  char* const none[] = {0};
  return execve("/bin/sh", none, none) == 0 ? 0 : errno;
}
static void* idle(void* p) { return p; }
static int start_thread(struct step* s) {
  (void)s;
  pthread_t t;
  const int r = pthread_create(&t, 0, idle, 0);
  if (r == 0)
    pthread_join(t, 0);
  return r;
}
static int trace_parent(struct step* s) {
  (void)s;
  return ptrace(PTRACE_ATTACH, getppid(), 0, 0) == 0 ? 0 : errno;
}
static int kill_parent(struct step* s) { (void)s; return kill(getppid(), SIGKILL) == 0 ? 0 : errno; }
static int peek_at_parent(struct step* s) {
  (void)s;
  char here[8];
  const struct iovec to = {here, sizeof here}, from = {(void*)0x400000, sizeof here};
  return process_vm_readv(getppid(), &to, 1, &from, 1, 0) > 0 ? 0 : errno;
}
static int leave_namespace(struct step* s) { (void)s; return unshare(CLONE_NEWUSER) == 0 ? 0 : errno; }
static int become_root(struct step* s) { (void)s; return (int)syscall(SYS_setuid, 0) == 0 ? 0 : errno; }
static int raise_limits(struct step* s) {
  (void)s;
  const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  return setrlimit(RLIMIT_AS, &all) == 0 ? 0 : errno;
}
static int raise_priority(struct step* s) { (void)s; return setpriority(PRIO_PROCESS, 0, -20) == 0 ? 0 : errno; }
static int survive_parent(struct step* s) { (void)s; return prctl(PR_SET_PDEATHSIG, 0) == 0 ? 0 : errno; }
static int make_code(struct step* s) {
  (void)s;
  return mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED
             ? 0
             : errno;
}
static int ring(struct step* s) { (void)s; return syscall(SYS_io_uring_setup, 8, 0) >= 0 ? 0 : errno; }
static int memory_file(struct step* s) { (void)s; return syscall(SYS_memfd_create, "x", 0) >= 0 ? 0 : errno; }

/* -- the process itself --------------------------------------------------------------------------- */
static int bomb_memory(struct step* s) {
  (void)s;
  for (;;) {
    char* p = malloc(1u << 20);
    if (p == 0)
      abort();
    memset(p, 1, 1u << 20);
  }
}
static int loop(struct step* s) {
  for (;;)
    s->self->spin = s->self->spin + 1;
  return 0;
}
static int sleep_long(struct step* s) {
  (void)s;
  for (;;)
    pause(), usleep(1000);
  return 0;
}
static int overflow(struct step* s) {
  volatile char page[4096];
  page[0] = (char)s->self->spin;
  return overflow(s) + page[0];
}
static int crash(struct step* s) { (void)s; return *(volatile int*)8; }
static int abort_itself(struct step* s) { (void)s; abort(); }
static int end_itself(struct step* s) { (void)s; _exit(0); }
static int stop_itself(struct step* s) { (void)s; raise(SIGSTOP); return 0; }

/* -- the conversation ----------------------------------------------------------------------------- */
static int packet(int fd, const void* bytes, size_t n) { return send(fd, bytes, n, 0) == (ssize_t)n ? 0 : errno; }
/* The answer of a step that sends what it may not: DONE, OK, no wait, no words, one call. */
static int forge_step(struct step* s) {
  (void)s;
  unsigned char m[200];
  size_t n = 0;
  const uint64_t none = 0, len = 11;
  const uint32_t zero = 0, one = 1;
  m[n++] = 0;  /* no more packets */
  m[n++] = 34; /* frame::done */
  memcpy(m + n, &zero, 4), n += 4;
  memcpy(m + n, &zero, 4), n += 4;
  memcpy(m + n, &none, 8), n += 8;
  memcpy(m + n, &one, 4), n += 4;
  m[n++] = 1; /* op::send */
  memcpy(m + n, &len, 8), n += 8;
  memcpy(m + n, "test.secret", 11), n += 11;
  memcpy(m + n, &none, 8), n += 8;
  memcpy(m + n, &none, 8), n += 8;
  const uint64_t two = 2;
  memcpy(m + n, &two, 8), n += 8;
  memcpy(m + n, "{}", 2), n += 2;
  memcpy(m + n, &zero, 4), n += 4;
  return packet(3, m, n);
}
/* A good answer of its own making, before the host's; the second is one too many. */
static int answer_ahead(struct step* s) {
  (void)s;
  static const unsigned char done[1 + 1 + 4 + 4 + 8 + 4 + 4] = {0, 34};
  return packet(3, done, sizeof done);
}
static int write_garbage(struct step* s) { (void)s; return packet(3, "\0\xff\xff\xff\xff\xff garbage", 14); }
static int write_garbage_beside(struct step* s) { (void)s; return packet(4, "\0\xff\xff\xff\xff\xff garbage", 14); }
static int oversized_frame(struct step* s) {
  (void)s;
  static char part[40000];
  part[0] = 1; /* more follows */
  int r = 0;
  for (int i = 0; i < 4000 && r == 0; ++i)
    r = packet(3, part, sizeof part);
  return r;
}
static int send_descriptor(struct step* s) {
  (void)s;
  char byte[2] = {0, 66};
  struct iovec v = {byte, 2};
  union { char room[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } u;
  memset(&u, 0, sizeof u);
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = u.room, .msg_controllen = sizeof u.room};
  struct cmsghdr* c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = 1;
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  return sendmsg(3, &m, 0) >= 0 ? 0 : errno;
}

/* -- the host's table ------------------------------------------------------------------------------ */
static int send_undeclared(struct step* s) {
  return s->self->host->send(s->step, text("test.secret"), text(""), text(""), data("{}"));
}
static int call_undeclared(struct step* s) {
  const cdk_tool* tool = s->self->host->get_extension(s->self->host, text(CDK_CAP_TOOL));
  uint64_t id = 0;
  return tool == 0 ? CDK_E_DENIED : tool->call(s->step, text("erp.transfer.create"), data("{}"), 0, data(""), &id);
}
static int propose_undeclared(struct step* s) {
  const cdk_propose* p = s->self->host->get_extension(s->self->host, text(CDK_CAP_PROPOSE));
  return p == 0 ? CDK_E_DENIED : 0;
}
static int ask_undeclared(struct step* s) {
  uint64_t id = 0;
  return s->self->host->ask(s->step, text("finance.bank_account"), data("{}"), 0, data(""), &id);
}
static int forge_sender(struct step* s) {
  return s->self->host->post(s->self->host,
                             data("{\"topic\":\"test.done\",\"payload\":{},\"source\":\"crossdock.order\"}"), data("c"));
}
static int forge_labels(struct step* s) {
  return s->self->host->post(s->self->host,
                             data("{\"topic\":\"test.done\",\"payload\":{},\"tenant\":\"other\",\"labels\":[]}"), data("c"));
}
static int flood_posts(struct step* s) {
  int r = 0;
  for (int i = 0; i < 20000 && r == 0; ++i) {
    char event[100];
    snprintf(event, sizeof event, "{\"topic\":\"test.done\",\"id\":\"p%d\",\"payload\":{}}", i);
    r = s->self->host->post(s->self->host, data(event), data("c"));
  }
  return r;
}
static int reply_unasked(struct step* s) { return s->self->host->reply(s->step, 1, CDK_OK, data("{}")); }
static int answer_twice(struct step* s) {
  const int first = s->self->host->reply(s->step, s->event->token, CDK_OK, data("{\"n\":1}"));
  return first != 0 ? first : s->self->host->reply(s->step, s->event->token, CDK_OK, data("{\"n\":2}"));
}
static int cancel_others(struct step* s) {
  /* Requests are numbered in the order of steps: those of others lie before its own. */
  uint64_t mine = 0;
  s->self->host->timer(s->step, 1, data(""), &mine);
  for (uint64_t id = mine > 16384 ? mine - 16384 : mine % 1024; id < mine; id += 1024)
    s->self->host->cancel(s->step, id);
  return 0;
}
static int use_old_step(struct step* s) {
  if (s->self->old_step == 0) {
    s->self->old_step = s->step;
    return EAGAIN;
  }
  return s->self->host->send(s->self->old_step, text("test.done"), text(""), text(""), data("{\"old\":1}"));
}
static int lie_about_size(struct step* s) {
  const cdk_bytes lie = {(const uint8_t*)"{}", UINT64_MAX / 2};
  return s->self->host->send(s->step, text("test.done"), text(""), text(""), lie);
}
static int lie_about_name(struct step* s) {
  const cdk_str lie = {"test.done", 1u << 30};
  return s->self->host->send(s->step, lie, text(""), text(""), data("{}"));
}
static int send_huge(struct step* s) {
  static char huge[3u << 20];
  memset(huge, ' ', sizeof huge);
  const cdk_bytes b = {(const uint8_t*)huge, sizeof huge};
  return s->self->host->send(s->step, text("test.done"), text(""), text(""), b);
}
static int send_deep(struct step* s) {
  static char deep[20001];
  memset(deep, '[', 10000);
  memset(deep + 10000, ']', 10000);
  return s->self->host->send(s->step, text("test.done"), text(""), text(""), data(deep));
}
static int send_no_text(struct step* s) {
  return s->self->host->send(s->step, text("test.done"), text(""), text(""), data("{\"x\":\"\xff\xfe\"}"));
}
static int flood_effects(struct step* s) {
  int r = 0;
  for (int i = 0; i < 100000 && r == 0; ++i)
    r = s->self->host->send(s->step, text("test.done"), text(""), text(""), data("{\"flood\":1}"));
  return r;
}
static int flood_timers(struct step* s) {
  int r = 0;
  uint64_t id = 0;
  for (int i = 0; i < 100000 && r == 0; ++i)
    r = s->self->host->timer(s->step, 1, data(""), &id);
  return r;
}
static int flood_memory(struct step* s) {
  const cdk_memory* m = s->self->host->get_extension(s->self->host, text(CDK_CAP_MEMORY));
  static char value[1u << 19];
  memset(value, 'x', sizeof value);
  const cdk_bytes b = {(const uint8_t*)value, sizeof value};
  int r = 0;
  for (int i = 0; i < 1000 && r == 0; ++i) {
    char key[32];
    snprintf(key, sizeof key, "k%d", i);
    r = m->put(s->step, text(key), b, 0);
  }
  return r;
}
static int flood_log(struct step* s) {
  for (int i = 0; i < 20000; ++i)
    s->self->host->log(s->self->host, CDK_LOG_ERROR, text("look at me, look at me, look at me"), text(""));
  return 0;
}
static int flood_metrics(struct step* s) {
  for (int i = 0; i < 20000; ++i)
    s->self->host->metric(s->self->host, CDK_METRIC_COUNTER, text("m"), 1.0, text(""));
  return 0;
}
static int print_much(struct step* s) {
  (void)s;
  for (int i = 0; i < 20000; ++i)
    if (write(1, "look at me, look at me, look at me\n", 35) < 0)
      return errno;
  return 0;
}
static int scribble(struct step* s) {
  memset((void*)(uintptr_t)s->event->payload.ptr, 'X', s->event->payload.len);
  return 0;
}
static int tamper_host(struct step* s) {
  /* The table is the plugin's own memory in a process of its own: it hurts itself. */
  memset((void*)(uintptr_t)s->self->host, 0, sizeof *s->self->host);
  return 0;
}
static int exception_status(struct step* s) { (void)s; return 12345; }

#define ATTACKS(X)                                                                                              \
  X(read_ledger_key) X(read_passwords) X(read_parent_memory) X(write_file) X(list_folder) X(remove_file)       \
  X(leak_descriptors) X(close_descriptors) X(open_socket) X(open_local_socket) X(open_netlink)                 \
  X(connect_channel) X(ask_for_endpoint) X(fork_once) X(fork_bomb) X(execute) X(start_thread) X(trace_parent)  \
  X(kill_parent) X(peek_at_parent) X(leave_namespace) X(become_root) X(raise_limits) X(raise_priority)         \
  X(survive_parent) X(make_code) X(ring) X(memory_file) X(bomb_memory) X(loop) X(sleep_long) X(overflow)       \
  X(crash) X(abort_itself) X(end_itself) X(stop_itself) X(forge_step) X(answer_ahead) X(write_garbage)                        \
  X(write_garbage_beside) X(oversized_frame) X(send_descriptor) X(send_undeclared) X(call_undeclared)          \
  X(propose_undeclared) X(ask_undeclared) X(forge_sender) X(forge_labels) X(flood_posts) X(reply_unasked) X(answer_twice)     \
  X(cancel_others) X(use_old_step) X(lie_about_size) X(lie_about_name) X(send_huge) X(send_deep)               \
  X(send_no_text) X(flood_effects) X(flood_timers) X(flood_memory) X(flood_log) X(flood_metrics)               \
  X(print_much) X(scribble) X(tamper_host) X(exception_status)

enum {
#define NUMBER(name) number_##name,
  ATTACKS(NUMBER)
#undef NUMBER
      hang_in_create, hang_in_quiesce, ask_after_quiesce, hang_in_destroy
};

static int attack(struct step* s) {
#define RUN(name)                                                                                               \
  if (HOSTILE == number_##name)                                                                                 \
    return name(s);
  ATTACKS(RUN)
#undef RUN
  return 0;
}

static cdk_status create(const cdk_host* host, cdk_str component, cdk_bytes config, cdk_instance** out,
                         cdk_error* e) {
  (void)component, (void)config, (void)e;
  while (HOSTILE == hang_in_create)
    usleep(1000);
  *out = calloc(1, sizeof **out);
  (*out)->host = host;
  return CDK_OK;
}

static cdk_status handle(cdk_instance* self, cdk_step* step, const cdk_event* event, cdk_error* e) {
  (void)e;
  if (event->kind != CDK_EV_MESSAGE && event->kind != CDK_EV_ASK)
    return CDK_OK;
  struct step s = {self, step, event};
  const cdk_host* host = self->host;
  const cdk_host mine = *host;
  self->old_token = event->token;
  const int got = attack(&s);
  if (HOSTILE == number_exception_status)
    return got;
  if (event->kind == CDK_EV_ASK)
    return CDK_OK;
  char said[100];
  snprintf(said, sizeof said, "{\"by\":%d,\"got\":%d}", HOSTILE, got);
  mine.send(step, text("test.done"), text(""), text(""), data(said));
  return CDK_OK;
}

static cdk_status write_nothing(cdk_instance* self, const cdk_writer* to, cdk_error* e) {
  (void)self, (void)to, (void)e;
  return CDK_OK;
}
static cdk_status restore(cdk_instance* self, uint32_t schema, const cdk_reader* from, cdk_error* e) {
  (void)self, (void)schema, (void)from, (void)e;
  return CDK_OK;
}
static cdk_status quiesce(cdk_instance* self, uint32_t reason, int64_t deadline, cdk_error* e) {
  (void)reason, (void)deadline, (void)e;
  while (HOSTILE == hang_in_quiesce)
    usleep(1000);
  if (HOSTILE == ask_after_quiesce)
    self->host->post(self->host, data("{\"topic\":\"test.done\",\"payload\":{\"late\":1}}"), data("c"));
  return CDK_OK;
}
static cdk_status resume(cdk_instance* self, cdk_error* e) {
  (void)self, (void)e;
  return CDK_OK;
}
static cdk_status probe(cdk_instance* self, uint32_t level, const cdk_writer* to, cdk_error* e) {
  (void)level;
  return write_nothing(self, to, e);
}
static void destroy(cdk_instance* self) {
  while (HOSTILE == hang_in_destroy)
    usleep(1000);
  free(self);
}
static const void* get_extension(cdk_instance* self, cdk_str id) {
  (void)self, (void)id;
  return 0;
}

static const cdk_plugin plugin = {sizeof plugin, 0,      create, handle, write_nothing, restore,
                                  quiesce,       resume, probe,  destroy, get_extension};
static const cdk_entry entry = {CDK_MAGIC, sizeof entry, CDK_ABI_MAJOR, CDK_ABI_MINOR, 0, 0, &plugin};

const cdk_entry* crossdock_plugin_v1(void) { return &entry; }
