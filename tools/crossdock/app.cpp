#include "crossdock/app.hpp"

#include "crossdock/commands.hpp"
#include "crossdock/completion.hpp"
#include "crossdock/partner_tool.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <functional>

namespace crossdock::cli {
namespace {

constexpr const char* footer =
    "Which node: --socket PATH, else $CROSSDOCK_SOCKET, else the socket of --config "
    "FILE, else\n"
    "./data/crossdock.sock.\n\n"
    "Exit codes: 0 ok, 2 usage, 3 bad input or configuration, 4 refused, 5 not found,\n"
    "6 conflict, 7 node not reachable, 8 verification failed, 70 internal or I/O error;\n"
    "of doctor: 1 something to look at, 9 something to mend; of policy check and diff: 1 there\n"
    "is a finding or a difference.\n"
    "docs/reference/cli.md says more.";

constexpr std::int64_t rows_max = 1000; ///< the node's own limit for one answer

/// Everything the command line can hold. CLI11 writes into it, the chosen command reads
/// it.
struct words {
  common_options common;
  case_query cases;
  ledger_query ledger;
  decision_words decision;
  std::vector<std::string> set;
  case_words case_word;
  std::string id;
  std::string state = "pending";
  std::int64_t limit = 50;
  std::int64_t letter = 0;
  std::string directory;
  std::string key;
  std::string file;
  std::vector<std::string> files;
  std::string output = "plugins.lock";
  stage_words stage;
  bool staged = false;
  swap_words swap;
  std::string component;
  std::string reason;
  std::string shell;
  wait_words wait;
  bool dry_run = false;
  watch_words watch;
  assess_words assess;
  bool open = false;
  bool closed = false;
  plan_words plan;
  std::string second_file;
  bool gaps = false;
  policy_test_words policy_test;
  policy_explain_words explain;
  policy_simulate_words simulate;
  std::string domain;
};

const std::map<std::string, std::int64_t> time_units{
    {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86'400}};

using action = std::function<ending(session&)>;

/// Adds the commands; the one that was given puts what it does into `chosen`.
class command_line {
public:
  command_line(CLI::App& app, words& w, action& chosen)
      : app_(app), w_(w), chosen_(chosen) {
    app_.fallthrough();
    app_.require_subcommand(1);
    app_.set_version_flag("--version", "crossdock " CROSSDOCK_VERSION);
    app_.footer(footer);
    app_.add_flag("--json", w_.common.as_json, "Answer as JSON, for programs");
    app_.add_option("--socket", w_.common.socket, "The node's local socket");
    app_.add_option("--config", w_.common.config, "The node's configuration file");
    app_.add_option("--as", w_.common.as,
                    "Act as this principal, if your user id has several");
    add_node();
    add_watch();
    add_cases();
    add_approvals();
    add_ledger();
    add_files();
    add_plan();
    add_policy();
  }

  /// What `crossdock plugin` does itself.
  const std::vector<std::string>& own_plugin_commands() const {
    return own_plugin_commands_;
  }

private:
  CLI::App* group(const char* name, const char* what) {
    auto* g = app_.add_subcommand(name, what);
    g->require_subcommand(1);
    return g;
  }

  CLI::App* command(CLI::App* in, const char* name, const char* what, action does) {
    auto* c = in->add_subcommand(name, what);
    c->callback([this, does = std::move(does)] { chosen_ = does; });
    return c;
  }

  void add_limit(CLI::App* c, std::int64_t& value) {
    c->add_option("--limit", value, "At most so many rows (up to 1000)")
        ->check(CLI::Range(std::int64_t{1}, rows_max))
        ->capture_default_str();
  }

  void add_node() {
    auto* node = group("node", "The running node");
    command(node, "status", "What runs, how it is, how much it did", node_status);
    command(node, "tree", "Who watches whom, and how each is now", node_tree);
    auto* wait = command(node, "wait", "Wait until nothing is under way, for scripts",
                         [this](session& s) { return node_wait(s, w_.wait); });
    wait->add_flag("--up", w_.wait.up, "Only until the node answers");
    wait->add_option("--pid", w_.wait.pid,
                     "With --up: the node's process, to notice its end");
    wait->add_option("--seconds", w_.wait.seconds, "Give up after this")
        ->capture_default_str();
    wait->add_option("--quiet-for", w_.wait.quiet_for,
                     "Seconds without anything under way")
        ->capture_default_str();
    auto* reload =
        command(node, "reload", "Put the changed configuration in force (role operator)",
                [this](session& s) { return node_reload(s, w_.dry_run); });
    reload->add_flag("--dry-run", w_.dry_run, "Only check and say what would change");
    command(&app_, "whoami", "As whom the node knows you", whoami);
    command(&app_, "summary", "The day in a table: events, decisions, what waits",
            summary);
    auto* letters = group("dead-letter", "Events that could not be delivered");
    auto* list = command(letters, "list", "List them, newest first",
                         [this](session& s) { return dead_letter_list(s, w_.limit); });
    add_limit(list, w_.limit);
    command(letters, "replay", "Deliver one again (role operator)",
            [this](session& s) { return dead_letter_replay(s, w_.letter); })
        ->add_option("id", w_.letter, "Its number")
        ->required()
        ->check(CLI::PositiveNumber);
  }

  void add_plan() {
    auto* plan = group("plan", "The planning library: its functions, by name");
    command(plan, "list", "What it can compute",
            [this](session& s) { return plan_list(s, w_.domain); })
        ->add_option("--domain", w_.domain, "Only of this domain, for instance inventory");
    command(plan, "show", "What a function takes and gives, with units",
            [this](session& s) { return plan_show(s, w_.plan.function); })
        ->add_option("function", w_.plan.function, "Its name")
        ->required();
    auto* eval = command(plan, "eval", "Compute; the inputs as JSON on standard input",
                         [this](session& s) { return plan_eval(s, w_.plan); });
    eval->add_option("function", w_.plan.function, "Its name")->required();
    eval->add_option("inputs", w_.plan.assignments,
                     "NAME=VALUE instead of standard input; lists and objects as JSON");
    eval->add_option("--input", w_.plan.input, "A file instead of standard input");
    eval->add_option("--datasets", w_.plan.datasets,
                     "A JSON file of series that inputs name as {\"$dataset\": NAME}");
    eval->add_flag("--lines", w_.plan.lines, "One object a line in, one answer a line out");
  }

  void add_policy() {
    auto* policy = group("policy", "What agents may do: files of rules, and what they decide");
    auto* check = command(policy, "check", "Mistakes, rules that never decide, gaps: exactly",
                          [this](session& s) { return policy_check(s, w_.file, w_.gaps); });
    check->add_option("file", w_.file, "The policy")->required();
    check->add_flag("--gaps", w_.gaps, "Also list what no rule speaks of");

    auto* test = command(policy, "test", "Whether a policy decides the cases as expected",
                         [this](session& s) { return policy_test(s, w_.policy_test); });
    test->add_option("file", w_.policy_test.policy, "The policy")->required();
    test->add_option("cases", w_.policy_test.cases,
                     "TOML files with [[case]] (default: the policy's name with .cases.toml)");
    test->add_flag("--mutate", w_.policy_test.mutate,
                   "Also whether the cases notice any rule that is taken out or widened");

    auto* explain = command(policy, "explain", "What it decides about one proposal, and why",
                            [this](session& s) { return policy_explain(s, w_.explain); });
    explain->add_option("file", w_.explain.policy, "The policy")->required();
    explain->add_option("proposal", w_.explain.proposal, "The proposal, a JSON file")->required();
    explain->add_option("--autonomy", w_.explain.autonomy, "Of the agent with the tool")
        ->check(CLI::IsMember({"shadow", "recommend", "approve", "autonomous"}))
        ->capture_default_str();
    explain->add_option("--at", w_.explain.at, "When, as 2026-01-31T09:00:00Z (default: now)");

    auto* diff = command(policy, "diff", "Where two policies decide differently: exactly",
                         [this](session& s) { return policy_diff(s, w_.file, w_.second_file); });
    diff->add_option("before", w_.file, "The policy as it is")->required();
    diff->add_option("after", w_.second_file, "The policy as it would be")->required();

    auto* simulate =
        command(policy, "simulate", "What it would have decided about recorded proposals",
                [this](session& s) { return policy_simulate(s, w_.simulate); });
    simulate->add_option("file", w_.simulate.policy, "The policy")->required();
    simulate->add_option("--since", w_.simulate.since,
                         "So long ago (12h, 30d), or 2026-01-31T00:00:00Z")
        ->capture_default_str();
    simulate->add_option("--ledger", w_.simulate.ledger,
                         "The ledger's folder (default: of --config, or of the running node)");
    simulate->add_option("--autonomy", w_.simulate.autonomy,
                         "As if every agent had this autonomy (default: as recorded)")
        ->check(CLI::IsMember({"shadow", "recommend", "approve", "autonomous"}));
    add_limit(simulate, w_.simulate.limit);
  }

  void add_watch() {
    auto* watch = command(&app_, "watch", "What is happening now, as it happens",
                          [this](session& s) { return cli::watch(s, w_.watch); });
    auto& words = w_.watch;
    watch->add_option("--case", words.case_id,
                      "Only of this case, or the beginning of it");
    watch->add_option("--kind", words.kinds, "Only this kind of record; may be repeated");
    watch->add_option("--component", words.component,
                      "Only from or for this component, or person:NAME");
    auto* from = watch->add_option("--from", words.from, "Begin with this record");
    watch->add_option("--since", words.since, "Begin so long ago: 30s, 10m, 2h, 1d")
        ->excludes(from);
    watch->add_flag("--all", words.all,
                    "Also readings, timers and what the machinery says to itself");
    watch->add_flag("--summary", words.summary, "Figures instead of records");
    watch->add_option("--every", words.every, "Seconds between figures")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{3600}))
        ->capture_default_str();
  }

  void add_cases() {
    auto* cases = group("case", "What the node takes care of");
    auto* list = command(cases, "list", "List cases, newest first", [this](session& s) {
      if (w_.open != w_.closed) {
        w_.cases.state = w_.open ? "open" : "closed";
      }
      return case_list(s, w_.cases);
    });
    list->add_flag("--open", w_.open, "Only open ones");
    list->add_flag("--closed", w_.closed, "Only closed ones");
    list->add_option(
            "--state", w_.cases.state,
            "Only these: open, closed, compensating, stuck, compensated, resolved")
        ->check(CLI::IsMember(
            {"open", "closed", "compensating", "stuck", "compensated", "resolved"}))
        ->excludes("--open")
        ->excludes("--closed");
    list->add_option("--flow", w_.cases.flow, "Only of this flow");
    list->add_option("--key", w_.cases.key,
                     "Only about this, for instance an order line");
    list->add_option("--after", w_.cases.after, "Only older than this case");
    add_limit(list, w_.cases.limit);
    command(cases, "show", "The whole story of one case",
            [this](session& s) { return case_show(s, w_.id); })
        ->add_option("case", w_.id, "Its id, or the beginning of it")
        ->required();
    const auto word = [&](const char* name, const char* what, auto does) {
      auto* c = command(cases, name, what,
                        [this, does](session& s) { return does(s, w_.case_word); });
      c->add_option("case", w_.case_word.id, "Its id, or the beginning of it")
          ->required();
      c->add_option("--reason", w_.case_word.reason, "Why; it goes on the record")
          ->required();
    };
    word("compensate", "Undo what a case has done, or try that again", case_compensate);
    word("resolve", "Say that a person took care of what could not be undone",
         case_resolve);
  }

  void add_approvals() {
    auto* approvals = group("approval", "Decisions that wait for a person");
    auto* list = command(approvals, "list", "List approvals", [this](session& s) {
      return approval_list(s, w_.state, w_.limit);
    });
    list->add_option("--state", w_.state, "pending, approved, executed, ..., or all")
        ->capture_default_str();
    add_limit(list, w_.limit);
    command(approvals, "show", "Evidence, counter-case and the exact action",
            [this](session& s) { return approval_show(s, w_.id); })
        ->add_option("approval", w_.id, "Its id, or the beginning of it")
        ->required();
    for (const bool approve : {true, false}) {
      auto* c = command(approvals, approve ? "approve" : "reject",
                        approve ? "Say yes: the action may happen" : "Say no",
                        [this, approve](session& s) {
                          return approval_decide(s, w_.decision, approve);
                        });
      c->add_option("approval", w_.decision.id, "Its id, or the beginning of it")
          ->required();
      c->add_option("--reason", w_.decision.reason, "Why; it goes on the record");
      c->add_option(
          "--digest", w_.decision.digest,
          "The digest that `approval show` told: refused if the action is another");
    }
    auto* edit =
        command(approvals, "edit",
                "Change the action; it is judged again and takes the old one's place",
                [this](session& s) { return approval_edit(s, w_.decision, w_.set); });
    edit->add_option("approval", w_.decision.id, "Its id, or the beginning of it")
        ->required();
    edit->add_option("--set", w_.set,
                     "ARGUMENT=VALUE, or ARGUMENT:=JSON for what is no text; repeatable")
        ->required()
        ->take_all();
    edit->add_option("--reason", w_.decision.reason, "Why; it goes on the record")
        ->required();
    edit->add_option(
        "--digest", w_.decision.digest,
        "The digest that `approval show` told: refused if the action is another");
  }

  void add_ledger() {
    auto* ledger = group("ledger", "The record of everything");
    auto* show = command(ledger, "show", "Records in their order, the newest by default",
                         [this](session& s) { return ledger_show(s, w_.ledger); });
    show->add_option("--from", w_.ledger.from, "First record");
    show->add_option("--to", w_.ledger.to, "Last record");
    show->add_option("--case", w_.ledger.case_id, "Only of this case");
    show->add_flag("--bodies", w_.ledger.bodies, "With what was said");
    add_limit(show, w_.ledger.limit);
    auto* verify =
        command(ledger, "verify", "Recompute and check everything from the files",
                [this](session& s) { return ledger_verify(s, w_.directory, w_.key, w_.files); });
    verify->add_option(
        "directory", w_.directory,
        "Folder with ledger.db (default: of --config or the running node), or an archive");
    verify->add_option("--key", w_.key,
                       "Verification key (vkey line or a file with it) kept elsewhere");
    verify->add_option("--known", w_.files,
                       "A checkpoint kept from before, which an archive must continue; may "
                       "be repeated");
    auto* prove = command(ledger, "prove", "Prove one record of an archive, in one file",
                          [this](session& s) {
                            return ledger_prove(s, w_.ledger.from, w_.directory, w_.file);
                          });
    prove->add_option("record", w_.ledger.from, "Its number")
        ->required()
        ->check(CLI::PositiveNumber);
    prove->add_option("--archive", w_.directory, "Folder of the archive")->required();
    prove->add_option("--output", w_.file, "A file instead of standard output (.tlog-proof)");
    auto* check = command(ledger, "check-proof", "Check such a file, with nothing but a key",
                          [this](session& s) { return ledger_check_proof(s, w_.file, w_.key); });
    check->add_option("proof", w_.file, "The file")->required();
    check->add_option("--key", w_.key, "Verification key (vkey line or a file with it)")
        ->required();
    auto* archive =
        command(ledger, "archive", "Write the ledger as files for an auditor, or continue them",
                [this](session& s) { return ledger_archive(s, w_.directory, w_.file); });
    archive->add_option("archive", w_.file, "Folder of the archive")->required();
    archive->add_option(
        "--ledger", w_.directory,
        "Folder with ledger.db (default: of --config or the running node)");
  }

  void add_swap(CLI::App* plugins) {
    auto* swap = command(plugins, "swap",
                         "Let another version of a component take over while the node runs "
                         "(role operator)",
                         [this](session& s) { return plugin_swap(s, w_.swap); });
    swap->add_option("component", w_.swap.component,
                     "The component (default: the one of the file that runs)");
    swap->add_option("--to", w_.swap.file, "The plugin file (.so), signatures beside it")
        ->required();
    swap->add_flag("--dry-run", w_.swap.dry_run, "Only the plan and the rehearsal");
    swap->add_option("--rehearse", w_.swap.rehearse_s,
                     "Put the last so many seconds to it first (with a unit: 30m, 1h)")
        ->transform(CLI::AsNumberWithUnit(time_units, CLI::AsNumberWithUnit::CASE_SENSITIVE))
        ->default_str("1h");
    swap->add_flag("--no-rehearsal", w_.swap.no_rehearsal, "Switch without one");
    swap->add_option("--probation", w_.swap.probation_s,
                     "Take it back by itself if it does worse within this time")
        ->transform(CLI::AsNumberWithUnit(time_units, CLI::AsNumberWithUnit::CASE_SENSITIVE))
        ->default_str("15m");
    swap->add_option("--max-differing", w_.swap.max_differing,
                     "Switch without asking if at most so many recorded steps end differently")
        ->check(CLI::NonNegativeNumber);
    swap->add_flag("--accept-wider", w_.swap.accept_wider,
                   "Accept that it asks for more than the version that runs");
    swap->add_flag("--yes", w_.swap.yes, "Do not ask");
    command(plugins, "keep", "End a probation: the new version stays (role operator)",
            [this](session& s) { return plugin_keep(s, w_.component); })
        ->add_option("component", w_.component, "The component")
        ->required();
    auto* back = command(plugins, "rollback", "Back to the version before (role operator)",
                         [this](session& s) {
                           return plugin_rollback(s, w_.component, w_.reason);
                         });
    back->add_option("component", w_.component, "The component")->required();
    back->add_option("--reason", w_.reason, "Why; it goes on the record");
  }

  void add_files() {
    auto* plugins = group("plugin", "Plugins");
    auto* list = command(plugins, "list", "What the node runs", [this](session& s) {
      return w_.staged ? plugin_staged(s) : plugin_list(s);
    });
    list->add_flag("--staged", w_.staged,
                   "What was put into the store of the node of --config, by whom and why");
    auto* stage = command(plugins, "stage",
                          "Judge plugin files and put them into the node's store",
                          [this](session& s) { return plugin_stage(s, w_.stage); });
    stage->add_option("file", w_.stage.files, "Plugin files (.so), signatures beside them")
        ->required();
    stage->add_option("--allow-downgrade", w_.stage.downgrade_reason,
                      "Why an older version is wanted back; it goes on the record");
    stage->add_option("--accept-wider", w_.stage.wider_accepted_by,
                      "Who accepts that a file asks for more than the one before it");
    add_swap(plugins);
    auto* lock =
        command(plugins, "lock", "Write the list of files that may be loaded",
                [this](session& s) { return plugin_lock(s, w_.files, w_.output); });
    lock->add_option("file", w_.files, "Plugin files (.so)")->required();
    lock->add_option("--output", w_.output, "The list")->capture_default_str();
    for (const auto* own :
         plugins->get_subcommands([](const CLI::App*) { return true; })) {
      own_plugin_commands_.push_back(own->get_name());
    }
    for (const auto& [name, what] : partner_commands) { // taken before they are parsed
      plugins->add_subcommand(name, what)->group("Made by crossdock-plugin");
    }
    auto* config = group("config", "Configuration files");
    command(config, "check", "Say everything that is wrong with a node's configuration",
            [this](session& s) { return config_check(s, w_.file); })
        ->add_option("file", w_.file, "The node's configuration")
        ->required();
    auto* assess = command(&app_, "assess",
                           "What the history says: exceptions, how long, what they cost "
                           "(reads only)",
                           [this](session& s) { return assess_history(s, w_.assess); });
    assess->add_option("config", w_.assess.config, "The node's configuration")
        ->required();
    assess->add_option("--since", w_.assess.since,
                       "First day, YYYY-MM-DD (default: a year back)");
    assess->add_option("--html", w_.assess.html, "Write a page for people to this file");
    assess
        ->add_option("--assume", w_.assess.assume,
                     "KEY=VALUE or a TOML file: what a cost is taken to be")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    assess->add_option("--connector", w_.assess.connector,
                       "Which connector, if several offer a history");
    command(&app_, "doctor", "Explain what is wrong with this machine or node",
            [this](session& s) { return doctor(s, w_.file); })
        ->add_option("config", w_.file, "The node's configuration (default: --config)");
    command(&app_, "completion", "Print a completion script",
            [this](session& s) {
              s.around().out << completion_script(app_, w_.shell);
              return ending(exit_code::ok);
            })
        ->add_option("shell", w_.shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  }

  CLI::App& app_;
  words& w_;
  action& chosen_;
  std::vector<std::string> own_plugin_commands_;
};

} // namespace

exit_code run(std::vector<std::string> arguments, surroundings around) {
  CLI::App app{"crossdock: ask a node, decide, and check its record", "crossdock"};
  words w;
  action chosen;
  const command_line commands(app, w, chosen);
  if (auto words_for_it = for_partner_tool(arguments, commands.own_plugin_commands())) {
    w.common.as_json = std::find(words_for_it->begin(), words_for_it->end(), "--json") !=
                       words_for_it->end();
    return session(around, w.common)
        .tell(become_partner_tool(around.program_folder, *words_for_it));
  }
  try {
    std::reverse(arguments.begin(), arguments.end()); // CLI11 takes them from the back
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& e) {
    return app.exit(e, around.out, around.err) == 0 ? exit_code::ok : exit_code::usage;
  }
  session s(around, w.common);
  try {
    auto ended = chosen(s);
    return ended ? *ended : s.tell(ended.error());
  } catch (const json::exception& e) {
    return s.tell(
        error(errc::internal,
              std::string("the node's answer has another shape than this version of "
                          "crossdock knows: ") +
                  e.what()));
  } catch (const std::exception& e) {
    return s.tell(error(errc::internal, e.what()));
  }
}

} // namespace crossdock::cli
