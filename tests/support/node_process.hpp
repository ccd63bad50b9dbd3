/// A real node on a simulated distributor, as an operator would run it: the programs that were
/// built, a folder of their own, a local socket.
#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace crossdock::test {

using json = nlohmann::json;

/// A child process that never outlives its owner.
class child {
public:
  child() = default;
  /// Output goes to `log`; empty: nowhere. Throws if it cannot be started.
  child(const std::vector<std::string>& command, const std::filesystem::path& log);
  ~child();
  child(child&& other) noexcept;
  child& operator=(child&& other) noexcept;

  void signal(int number) const;
  /// The exit code, or 128 + signal; nothing if it still runs after `limit`.
  std::optional<int> wait(std::chrono::milliseconds limit);
  bool running() const { return pid_ > 0; }
  int pid() const { return pid_; }

private:
  int pid_ = -1;
};

/// Runs a command to its end and gives exit code and everything it printed.
struct finished {
  int code = -1;
  std::string text;
};
finished run(const std::vector<std::string>& command);

/// A folder that is gone afterwards.
class scratch {
public:
  scratch();
  ~scratch();
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

/// Polls until `f` is true; false if it is not within `limit`.
bool until(const std::function<bool()>& f, std::chrono::milliseconds limit);

class node_process {
public:
  struct setup {
    std::string size = "tiny"; ///< of the simulated distributor
    std::uint64_t seed = 1;
    int interval_ms = 50;      ///< of the connector's poll
    std::string policy;        ///< text of the policy; empty: the demo's
    bool agents = true;        ///< the distributor's three agents
    bool sandboxed = false;    ///< these run in processes of their own
    std::vector<std::string> test_plugins; ///< names of files in the test plugins' folder
  };
  node_process() : node_process(setup{}) {}
  explicit node_process(const setup& s);

  /// Starts and waits until it answers; throws with the log's end if it does not.
  void start();
  void kill9();
  /// SIGTERM; gives the exit code.
  int stop();

  /// One request; throws if the node does not answer. `as` chooses a principal.
  json call(const std::string& method, const json& params = json::object(),
            const std::string& as = "") const;
  /// The result of a request that must succeed.
  json ask(const std::string& method, const json& params = json::object()) const;
  /// Nothing under way: no delivery, no request, no effect without an outcome.
  bool settled() const;

  /// One query on the distributor's own database.
  std::vector<std::vector<std::string>> erp(const std::string& sql) const;
  /// Plays a day, or what is left of it.
  child play(int seconds, bool resume = false) const;

  const std::filesystem::path& folder() const { return folder_.path(); }
  std::filesystem::path config_file() const { return folder() / "node.toml"; }
  std::filesystem::path erp_file() const { return folder() / "erp.db"; }
  std::filesystem::path ledger_folder() const { return folder() / "data" / "ledger"; }
  std::string log() const;
  const child& process() const { return process_; }

private:
  scratch folder_;
  child process_;
};

/// What the test's build made.
std::string crossdockd_program();
std::string crossdock_program();
std::string sim_program();
std::filesystem::path plugin_folder();
std::filesystem::path test_plugin_folder();
std::filesystem::path source_folder();

} // namespace crossdock::test
