/// API: what people and programs on this machine may ask of the node, over a Unix socket.
///
/// Promises
///  - Who asks is known from the kernel (SO_PEERCRED), not from what they say. A user id that
///    the configuration does not name gets nothing.
///  - Answers show committed state alone; an act is answered once it is durable.
///  - A request is one line of JSON of at most 1 MiB, answered by one line: {"ok":true,
///    "result":...} or {"ok":false,"error":{"code","name","message","context"}}. One method
///    goes on talking: after `watch` come lines until {"ended":...}; see api/watch.hpp.
#pragma once

#include "api/watch.hpp"
#include "contracts.hpp"
#include "dispatch/dispatch.hpp"
#include "ledger/ledger.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace crossdock::api {

struct principal {
  std::string name;
  std::uint32_t uid = 0;
  std::vector<std::string> roles;
  bool has(std::string_view role) const;
};

struct environment {
  std::shared_ptr<ledger::store> store;
  std::shared_ptr<dispatch::exchange> exchange;
  /// Those in force; they change while the node runs.
  std::function<std::shared_ptr<const std::vector<principal>>()> principals;
  /// The node's state as JSON: tree, components, counters. May take a moment.
  std::function<json()> status;
  std::function<json()> plugins;
  /// A person's decision; waits until it is durable.
  std::function<answer(decide)> decide_on;
  /// A person's edit of a pending action; waits until it is durable.
  std::function<answer(crossdock::amend)> amend;
  /// `what` is swap, keep or rollback; see node/swaps.hpp. May take as long as a rehearsal.
  std::function<result<json>(const principal&, const std::string& what, const json& wanted)>
      swap;
  /// Reads the configuration again and, unless `dry_run`, puts it in force; what changed.
  std::function<result<json>(const principal&, bool dry_run)> reload;
  std::shared_ptr<const clock> time = std::make_shared<system_clock>();
  watch_limits watching;
};

/// One request of `who`. Errors: denied, invalid (parameters; names the field), not_found, ...
result<json> call(const environment& env, const principal& who, const std::string& method,
                  const json& params);

/// The one thing whose id begins so. Errors: not_found, invalid (several begin so).
result<std::string> resolve(ledger::connection& db, const char* table, const char* column,
                            const std::string& beginning, const char* what);

class server {
public:
  /// Listens on `socket` (mode 0660; an old socket file nobody listens on is replaced).
  /// Errors: busy (somebody listens there), io.
  static result<std::unique_ptr<server>> start(std::filesystem::path socket, environment env);
  virtual ~server() = default;
  /// Answers what is under way, then closes. Idempotent.
  virtual void stop() = 0;
};

} // namespace crossdock::api
