#include "crossdock/ledger_place.hpp"

#include "node/config.hpp"

namespace crossdock::cli {
namespace {

namespace fs = std::filesystem;

bool holds_ledger(const fs::path& directory) {
  std::error_code ignored;
  return fs::exists(directory / "ledger.db", ignored);
}

/// The ledger beneath what people name: its folder, or the node's data folder.
fs::path ledger_in(const fs::path& directory) {
  return !holds_ledger(directory) && holds_ledger(directory / "ledger")
             ? directory / "ledger"
             : directory;
}

/// Everything durable must be covered, so a running node signs first. A node that is down
/// or refuses is no hindrance: the files stand for themselves.
std::string checkpoint_by_node(session& s, const fs::path& socket) {
  auto node = client::connect(socket);
  if (!node) {
    return "";
  }
  auto signed_now = node->ask("ledger.checkpoint", json::object(), s.options().as);
  return signed_now ? "the running node signed a checkpoint first"
                    : "the running node did not sign a checkpoint first: " +
                          signed_now.error().message();
}

} // namespace

result<ledger_place> find_ledger(session& s, const fs::path& directory) {
  std::vector<fs::path> sockets;
  ledger_place out;
  if (!directory.empty()) {
    out.directory = ledger_in(directory);
    if (!s.options().socket.empty()) {
      sockets.emplace_back(s.options().socket);
    } else {
      sockets = {out.directory / "crossdock.sock",
                 fs::absolute(out.directory).parent_path() / "crossdock.sock"};
    }
  } else if (!s.options().config.empty()) {
    auto config = node::read_config(s.options().config);
    if (!config) {
      return std::move(config).error();
    }
    out.directory = ledger_in(config->data);
    sockets.push_back(s.options().socket.empty() ? config->socket
                                                 : fs::path(s.options().socket));
  } else {
    auto socket = s.socket();
    if (!socket) {
      return error(errc::not_found,
                   "it is not known which ledger is meant: give its "
                   "DIRECTORY, the node's --config FILE, or the --socket of a "
                   "running node");
    }
    auto status = s.ask("node.status");
    if (!status) {
      return std::move(status).error();
    }
    const auto* told = find_pointer(*status, "/ledger/directory");
    if (told == nullptr || !told->is_string()) {
      return error(errc::not_found, "the node does not say where its ledger is: give the "
                                    "DIRECTORY");
    }
    out.directory = told->get<std::string>();
    sockets.push_back(*socket);
  }
  if (!holds_ledger(out.directory)) {
    return error(errc::not_found,
                 "there is no ledger.db in this folder: give the folder that "
                 "holds it, or the node's --config FILE")
        .at("folder", out.directory.string());
  }
  for (const auto& socket : sockets) {
    std::error_code ignored;
    if (fs::exists(socket, ignored) && out.note.empty()) {
      out.note = checkpoint_by_node(s, socket);
    }
  }
  return out;
}

} // namespace crossdock::cli
