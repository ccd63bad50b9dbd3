#include "kit/child.hpp"

#include <fmt/format.h>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <new>

namespace crossdock::kit {
namespace {

void write_all(int pipe, std::string_view rest) {
  while (!rest.empty()) {
    const auto n = ::write(pipe, rest.data(), rest.size());
    if (n <= 0) {
      return;
    }
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string read_all(int pipe) {
  std::string text;
  char part[1u << 16];
  for (ssize_t n = 0; (n = ::read(pipe, part, sizeof part)) != 0;) {
    if (n < 0 && errno != EINTR) {
      break;
    }
    text.append(part, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  }
  return text;
}

} // namespace

void whereabouts::say(std::string_view text) {
  const auto n = std::min(text.size(), sizeof text_ - 1);
  std::memcpy(text_, text.data(), n);
  text_[n] = 0;
}

result<json> in_a_child(unsigned seconds, const std::function<json(whereabouts&)>& f) {
  int ends[2];
  if (::pipe(ends) != 0) {
    return error(errc::io, std::string("no pipe: ") + std::strerror(errno));
  }
  void* shared = ::mmap(nullptr, sizeof(whereabouts), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    ::close(ends[0]);
    ::close(ends[1]);
    return error(errc::io, std::string("no shared memory: ") + std::strerror(errno));
  }
  auto& where = *new (shared) whereabouts;
  where.say("while the file was loaded");
  const auto pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    // Whoever started us may have handlers of its own for what is to end this child.
    for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM}) {
      ::signal(number, SIG_DFL);
    }
    ::alarm(seconds);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    // What the plugin prints must not be taken for what we print.
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    json said;
    try {
      said = f(where);
    } catch (const std::exception& e) {
      said = {{"error", {{"code", to_string(errc::plugin)}, {"message", e.what()}}}};
    }
    write_all(ends[1], said.dump(-1, ' ', false, json::error_handler_t::replace));
    ::_exit(0); // without the destructors of what the plugin left
  }
  ::close(ends[1]);
  const auto text = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  const std::string place = where.text_;
  ::munmap(shared, sizeof(whereabouts));
  if (pid < 0) {
    return error(errc::io, "no child process can be started");
  }
  if (WIFSIGNALED(status)) {
    return WTERMSIG(status) == SIGALRM
               ? error(errc::plugin,
                       fmt::format("the plugin did not come back within {} s, {}",
                                   seconds, place))
               : error(errc::plugin, fmt::format("the plugin crashed {}: {}", place,
                                                 ::strsignal(WTERMSIG(status))));
  }
  auto said = parse_json(text, {.bytes = 256u << 20});
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !said) {
    return error(errc::plugin, fmt::format("the plugin ended its process {}", place));
  }
  if (said->is_object() && said->contains("error")) {
    return error(errc::plugin, text_or(said->at("error"), "message"));
  }
  return said;
}

} // namespace crossdock::kit
