#include "crossdock/session.hpp"

#include "node/config.hpp"

namespace crossdock::cli {

namespace fs = std::filesystem;

result<fs::path> session::socket() const {
  if (!options_.socket.empty()) {
    return fs::path(options_.socket);
  }
  if (auto named = around_.environment("CROSSDOCK_SOCKET"); !named.empty()) {
    return fs::path(named);
  }
  if (!options_.config.empty()) {
    auto config = node::read_config(options_.config);
    if (!config) {
      return std::move(config).error();
    }
    return config->socket;
  }
  std::error_code ignored;
  if (const fs::path usual = "data/crossdock.sock"; fs::exists(usual, ignored)) {
    return usual;
  }
  return error(
      errc::unavailable,
      "it is not known which node to ask: give --socket PATH, set CROSSDOCK_SOCKET, or "
      "give the node's --config FILE (there is no ./data/crossdock.sock here either)");
}

result<client> session::connect() const {
  auto place = socket();
  return place ? client::connect(*place) : result<client>(std::move(place).error());
}

result<json> session::ask(const std::string& method, const json& params) {
  if (!node_) {
    auto connected = connect();
    if (!connected) {
      return std::move(connected).error();
    }
    node_ = std::move(*connected);
  }
  auto answer = node_->ask(method, params, options_.as);
  if (!answer && (answer.error().code() == errc::unavailable ||
                  answer.error().code() == errc::timeout)) {
    node_.reset(); // the next question begins a conversation of its own
  }
  return answer;
}

bool session::told_program(const json& value) {
  if (!options_.as_json) {
    return false;
  }
  around_.out << value.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
  return true;
}

json as_json(const error& e) {
  json context = json::object();
  for (const auto& [name, value] : e.context()) {
    context[name] = value;
  }
  return {{"error",
           {{"code", static_cast<int>(e.code())},
            {"name", to_string(e.code())},
            {"message", e.message()},
            {"context", std::move(context)}}}};
}

exit_code session::tell(const error& e) {
  if (options_.as_json) {
    told_program(as_json(e));
  } else {
    around_.err << "crossdock: " << clean(e.describe()) << '\n';
  }
  return exit_code_of(e.code());
}

} // namespace crossdock::cli
