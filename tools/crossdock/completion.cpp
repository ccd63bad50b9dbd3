#include "crossdock/completion.hpp"

#include "plan/plan.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace crossdock::cli {
namespace {

struct level {
  std::string path; ///< "case show", empty for the program itself
  std::string words;
};

std::string options_of(const CLI::App& app) {
  std::string out;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) {
      out += " --" + name;
    }
  }
  return out;
}

void collect(const CLI::App& app, const std::string& path, const std::string& common,
             std::vector<level>& out) {
  level here{path, options_of(app) + (path.empty() ? "" : common)};
  for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    here.words += " " + sub->get_name();
    collect(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), common,
            out);
  }
  if (path == "completion") {
    here.words += " bash zsh fish";
  } else if (path == "plan eval" || path == "plan show") {
    for (const auto& f : plan::functions()) {
      here.words += " " + f.name;
    }
  }
  here.words.erase(0, here.words.find_first_not_of(' '));
  out.push_back(std::move(here));
}

std::string bash(const std::vector<level>& levels) {
  std::string table;
  for (const auto& l : levels) {
    table += fmt::format("    \"{}\") words=\"{}\" ;;\n", l.path, l.words);
  }
  return R"(# crossdock: completion for bash. To use it:  source <(crossdock completion bash)
_crossdock() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path= word words i
  case $previous in
    --socket | --config | --output | --key)
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --socket | --config | --as) ((++i)) ;;
      -*) ;;
      *) _crossdock_words "${path:+$path }$word" >/dev/null && path="${path:+$path }$word" ;;
    esac
  done
  words=$(_crossdock_words "$path")
  case $path in
    "config check" | plugin\ * | policy\ * | "ledger verify" | doctor)
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -W "$words" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
  esac
}
_crossdock_words() {
  local words
  case $1 in
)" + table +
         R"(    *) return 1 ;;
  esac
  printf '%s\n' "$words"
}
complete -F _crossdock crossdock
)";
}

std::string fish(const std::vector<level>& levels) {
  std::string out =
      "# crossdock: completion for fish. To use it:\n"
      "#   crossdock completion fish > ~/.config/fish/completions/crossdock.fish\n";
  for (const auto& l : levels) {
    std::string condition = "__fish_use_subcommand";
    if (!l.path.empty()) {
      condition.clear();
      std::string_view rest = l.path;
      while (!rest.empty()) {
        const auto end = std::min(rest.find(' '), rest.size());
        condition += fmt::format("{}__fish_seen_subcommand_from {}",
                                 condition.empty() ? "" : "; and ", rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
    out += fmt::format("complete -c crossdock -n '{}' -a '{}'\n", condition, l.words);
  }
  return out;
}

} // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  std::vector<level> levels;
  collect(app, "", options_of(app), levels);
  if (shell == "fish") {
    return fish(levels);
  }
  // zsh runs bash's functions once it is asked to.
  return (shell == "zsh" ? "autoload -U +X compinit && compinit -u\n"
                           "autoload -U +X bashcompinit && bashcompinit\n"
                         : "") +
         bash(levels);
}

} // namespace crossdock::cli
