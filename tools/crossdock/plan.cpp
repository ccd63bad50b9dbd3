#include "plan/plan.hpp"

#include "crossdock/commands.hpp"
#include "crossdock/read_text.hpp"

#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <istream>
#include <memory>
#include <sstream>

namespace crossdock::cli {
namespace {

namespace fs = std::filesystem;

constexpr json_limits input_limits{256u << 20, 64};

result<const plan::function*> function_named(const std::string& name) {
  if (const auto* found = plan::find(name)) {
    return found;
  }
  std::string near;
  for (const auto& other : plan::similar(name)) {
    near += (near.empty() ? "; did you mean " : ", ") + other;
  }
  return error(errc::not_found,
               "there is no planning function '" + name + "'" +
                   (near.empty() ? "; crossdock plan list names all" : near));
}

/// "croston, sba or sbj"; empty where any value goes.
std::string words_of(const plan::field& f) {
  const auto words = f.schema.value("enum", json::array());
  if (words.size() < 2 || !words[0].is_string()) {
    return "";
  }
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    out += (i == 0                  ? ""
            : i + 1 == words.size() ? " or "
                                    : ", ") +
           words[i].get<std::string>();
  }
  return out + ": ";
}

std::string default_of(const plan::field& f) {
  if (f.required) {
    return "";
  }
  return f.otherwise.is_null() ? " (not required)"
                               : " (default " + to_text(f.otherwise) + ")";
}

json described(const plan::function& f) {
  json outputs = json::object();
  for (const auto& output : f.outputs) {
    outputs[output.name] = output.about;
  }
  return {{"name", f.name},
          {"domain", f.domain},
          {"about", f.about},
          {"inputs", plan::input_schema(f)},
          {"outputs", std::move(outputs)}};
}

result<json> read_document(const fs::path& file) {
  const auto text = read_text(file);
  if (!text) {
    return text.error();
  }
  auto document = parse_json(*text, input_limits);
  if (!document) {
    return std::move(document).error().at("file", file.string());
  }
  return document;
}

/// NAME=JSON; what is no JSON is a text.
result<json> inputs_of(const std::vector<std::string>& assignments) {
  json inputs = json::object();
  for (const auto& assignment : assignments) {
    const auto equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      return error(errc::invalid,
                   "'" + assignment +
                       "' must be NAME=VALUE, for instance holding_cost=0.2");
    }
    const auto value = assignment.substr(equals + 1);
    auto parsed = parse_json(value, input_limits);
    inputs[assignment.substr(0, equals)] = parsed ? std::move(*parsed) : json(value);
  }
  return inputs;
}

/// Where the inputs come from: --input, or standard input unless a person sits there.
class source {
public:
  static result<source> open(session& s, const std::string& file) {
    source out;
    if (!file.empty()) {
      out.file_ = std::make_unique<std::ifstream>(file, std::ios::binary);
      out.stream_ = out.file_.get();
      out.name_ = file;
      if (!*out.file_) {
        return error(errc::not_found, "the file cannot be read").at("file", file);
      }
    } else if (s.around().in != nullptr) {
      out.stream_ = s.around().in;
    } else {
      return error(errc::invalid,
                   "give the inputs as NAME=VALUE, or as JSON on standard input "
                   "or in --input FILE");
    }
    return out;
  }

  std::istream& stream() { return *stream_; }

  result<json> parse(const std::string& text, std::size_t line = 0) const {
    auto parsed = parse_json(text, input_limits);
    if (!parsed) {
      auto wrong = std::move(parsed).error();
      wrong.at("file", name_);
      if (line > 0) {
        wrong.at("line", std::to_string(line));
      }
      return wrong;
    }
    return parsed;
  }

private:
  std::unique_ptr<std::ifstream> file_;
  std::istream* stream_ = nullptr;
  std::string name_ = "standard input";
};

/// One answer a line, errors among them, so that lines of input and output correspond.
ending evaluate_lines(session& s, const plan::function& f, source& from,
                      const plan::datasets& known) {
  std::string text;
  std::size_t line = 0;
  std::size_t failed = 0;
  auto shown = std::chrono::steady_clock::now();
  while (std::getline(from.stream(), text)) {
    ++line;
    if (text.find_first_not_of(" \t\r") == std::string::npos) {
      s.around().out << '\n';
      continue;
    }
    const auto inputs = from.parse(text, line);
    const auto answer =
        inputs ? plan::evaluate(f, *inputs, known) : result<json>(inputs.error());
    failed += answer ? 0 : 1;
    s.around().out << to_text(answer ? *answer : as_json(answer.error())) << '\n';
    const auto now = std::chrono::steady_clock::now();
    if (s.around().progress && now - shown > std::chrono::milliseconds(500)) {
      shown = now;
      s.around().err << fmt::format("\r{} lines, {} of them wrong\033[K", line, failed)
                     << std::flush;
    }
  }
  if (s.around().progress) {
    s.around().err << "\r\033[K" << std::flush;
  }
  if (failed > 0) {
    s.around().err << fmt::format("crossdock: {} of {} lines could not be evaluated\n",
                                  failed, line);
    return exit_code::bad_input;
  }
  return exit_code::ok;
}

} // namespace

ending plan_list(session& s, const std::string& domain) {
  json all = json::array();
  table rows({{"DOMAIN"}, {"FUNCTION", false, true}, {"WHAT"}});
  for (const auto& f : plan::functions()) {
    if (domain.empty() || f.domain == domain) {
      all.push_back({{"name", f.name}, {"domain", f.domain}, {"about", f.about}});
      rows.row({f.domain, f.name, f.about});
    }
  }
  if (rows.empty()) {
    return error(errc::not_found, "there is no domain '" + domain + "'");
  }
  if (s.told_program({{"functions", std::move(all)}})) {
    return exit_code::ok;
  }
  rows.print(s.paper());
  return exit_code::ok;
}

ending plan_show(session& s, const std::string& name) {
  const auto found = function_named(name);
  if (!found) {
    return found.error();
  }
  const auto& f = **found;
  if (s.told_program(described(f))) {
    return exit_code::ok;
  }
  auto& out = s.around().out;
  std::size_t width = 0;
  for (const auto* fields : {&f.inputs, &f.outputs}) {
    for (const auto& field : *fields) {
      width = std::max(width, field.name.size());
    }
  }
  out << f.about << "  (" << f.domain << ")\n\nInputs\n";
  for (const auto& field : f.inputs) {
    out << fmt::format("  {:<{}}  {}{}{}\n", field.name, width, words_of(field),
                       field.about, default_of(field));
  }
  out << "\nOutputs\n";
  for (const auto& field : f.outputs) {
    out << fmt::format("  {:<{}}  {}\n", field.name, width, field.about);
  }
  out << "\nWith --json: the JSON Schema of the inputs.\n";
  return exit_code::ok;
}

ending plan_eval(session& s, const plan_words& w) {
  const auto found = function_named(w.function);
  if (!found) {
    return found.error();
  }
  auto known = plan::public_datasets();
  if (!w.datasets.empty()) {
    auto document = read_document(w.datasets);
    auto read = document ? plan::read_datasets(*document)
                         : result<plan::datasets>(std::move(document).error());
    if (!read) {
      return std::move(read).error().at("file", w.datasets);
    }
    known = std::move(*read);
  }
  result<json> inputs = json();
  if (!w.assignments.empty()) {
    if (w.lines || !w.input.empty()) {
      return error(errc::invalid,
                   "NAME=VALUE goes neither with --lines nor with --input");
    }
    inputs = inputs_of(w.assignments);
  } else {
    auto from = source::open(s, w.input);
    if (!from) {
      return std::move(from).error();
    }
    if (w.lines) {
      return evaluate_lines(s, **found, *from, known);
    }
    std::ostringstream text;
    text << from->stream().rdbuf();
    inputs = from->parse(text.str());
  }
  if (!inputs) {
    return std::move(inputs).error();
  }
  const auto answer = plan::evaluate(**found, *inputs, known);
  if (!answer) {
    return answer.error();
  }
  s.around().out << answer->dump(2) << '\n';
  return exit_code::ok;
}

} // namespace crossdock::cli
