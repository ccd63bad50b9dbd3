/// The commands of crossdock-plugin, one file each. add_NAME() declares the words on the command
/// line; what it leaves in context::chosen runs after they were read.
#pragma once

#include "base/json.hpp"
#include "kit/app.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>

namespace crossdock::kit {

/// How a command ended: an error is still to be told, an exit code was explained already.
using ending = result<cli::exit_code>;

class context {
public:
  explicit context(surroundings& around)
      : around_(around), paper_(around.out, around.width, around.colours) {}

  surroundings& around() { return around_; }
  cli::screen& paper() { return paper_; }
  bool as_json() const { return as_json_; }
  /// With --json: prints `value` and is true.
  bool told_program(const json& value);

  /// A command whose words live as long as the context.
  template <class Words>
  CLI::App* command(CLI::App& app, const char* name, const char* what, std::shared_ptr<Words> words,
                    ending (*run)(context&, const Words&)) {
    auto* c = app.add_subcommand(name, what);
    c->add_flag("--json", as_json_, "One JSON object for programs");
    c->callback([this, words, run] { chosen_ = [words, run](context& x) { return run(x, *words); }; });
    return c;
  }

  ending run_chosen() { return chosen_(*this); }

private:
  surroundings& around_;
  cli::screen paper_;
  bool as_json_ = false;
  std::function<ending(context&)> chosen_;
};

void add_inspect(CLI::App& app, context& c);
void add_signing(CLI::App& app, context& c); ///< key, sign, verify, comment
void add_check(CLI::App& app, context& c);
void add_running(CLI::App& app, context& c); ///< run, test, bench
void add_project(CLI::App& app, context& c); ///< new, build
void add_diff(CLI::App& app, context& c);

} // namespace crossdock::kit
