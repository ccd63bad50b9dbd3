#include "kit/app.hpp"

#include "kit/commands.hpp"

#include <algorithm>

namespace crossdock::kit {

bool context::told_program(const json& value) {
  if (as_json_) {
    around_.out << value.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
  }
  return as_json_;
}

namespace {

cli::exit_code tell(context& c, const error& e) {
  if (c.as_json()) {
    c.around().out << json({{"error", {{"code", to_string(e.code())}, {"message", e.describe()}}}})
                        .dump(2, ' ', false, json::error_handler_t::replace)
                   << '\n';
  } else {
    c.around().err << "crossdock-plugin: " << e.describe() << '\n';
  }
  return cli::exit_code_of(e.code());
}

} // namespace

cli::exit_code run(std::vector<std::string> arguments, surroundings around) {
  CLI::App app{"crossdock-plugin: make, check, sign and describe plugin files",
               "crossdock-plugin"};
  app.require_subcommand(1);
  app.set_version_flag("--version", CROSSDOCK_VERSION);
  context c(around);
  add_project(app, c);
  add_inspect(app, c);
  add_check(app, c);
  add_running(app, c);
  add_signing(app, c);
  add_diff(app, c);
  try {
    std::reverse(arguments.begin(), arguments.end()); // CLI11 takes them from the back
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& e) {
    return app.exit(e, around.out, around.err) == 0 ? cli::exit_code::ok : cli::exit_code::usage;
  }
  try {
    auto ended = c.run_chosen();
    return ended ? *ended : tell(c, ended.error());
  } catch (const std::exception& e) {
    return tell(c, error(errc::internal, e.what()));
  }
}

} // namespace crossdock::kit
