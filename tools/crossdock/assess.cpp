#include "assess/connector.hpp"
#include "assess/page.hpp"
#include "assess/reader.hpp"
#include "crossdock/commands.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

namespace crossdock::cli {
namespace {

namespace fs = std::filesystem;
using assess::grouped;

/// One line on a terminal that is written over while pages come in.
class progress_line {
public:
  progress_line(std::ostream& out, bool shown) : out_(out), shown_(shown) {}
  ~progress_line() {
    if (width_ > 0) {
      out_ << '\r' << std::string(width_, ' ') << '\r' << std::flush;
    }
  }
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;

  void tell(const std::string& what, std::size_t rows) {
    if (!shown_) {
      return;
    }
    const auto text = fmt::format("reading {}: {} rows", what, grouped(rows));
    out_ << '\r' << text
         << std::string(width_ > text.size() ? width_ - text.size() : 0, ' ')
         << std::flush;
    width_ = std::max(width_, text.size());
  }

private:
  std::ostream& out_;
  bool shown_;
  std::size_t width_ = 0;
};

/// In place at once: whoever opens the page never sees half of it.
result<void> write_page(const fs::path& file, const std::string& text) {
  const auto partial = fs::path(file.string() + "." + std::to_string(::getpid()));
  {
    std::ofstream out(partial, std::ios::binary | std::ios::trunc);
    out << text;
    out.flush();
    if (!out) {
      std::error_code ignored;
      fs::remove(partial, ignored);
      return error(errc::io, "the page cannot be written").at("file", file.string());
    }
  }
  std::error_code failure;
  fs::rename(partial, file, failure);
  if (failure) {
    fs::remove(partial, failure);
    return error(errc::io, "the page cannot be put in its place")
        .at("file", file.string());
  }
  return {};
}

result<assess::assessment> make(session& s, const assess_words& w) {
  const auto began = std::chrono::steady_clock::now();
  assess::assumptions assumed;
  for (const auto& text : w.assume) {
    if (auto r = assumed.read(text); !r) {
      return std::move(r).error();
    }
  }
  assess::read_options options;
  if (!w.since.empty()) {
    options.since = assess::parse_day(w.since);
    if (!options.since) {
      return error(errc::invalid, "\"" + w.since + "\" is no date YYYY-MM-DD")
          .at("field", "--since");
    }
  }
  auto config = node::read_config(w.config);
  if (!config) {
    return std::move(config).error();
  }
  auto words = catalogue::load(config->catalogue);
  if (!words) {
    return std::move(words).error();
  }
  auto who = assess::read_addressing(*config);
  if (!who) {
    return std::move(who).error();
  }
  auto source = assess::connector::open(*config, *words, w.connector);
  if (!source) {
    return std::move(source).error();
  }
  progress_line progress(s.around().err, s.around().progress);
  options.progress = [&](const std::string& what, std::size_t rows) {
    progress.tell(what, rows);
  };
  auto history =
      assess::read_history([&](const std::string& tool,
                               const json& args) { return (*source)->call(tool, args); },
                           **words, options);
  if (!history) {
    return std::move(history).error();
  }
  auto out = assess::assess(*history, assumed, *who);
  out.read_by = (*source)->described();
  out.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return out;
}

void print(session& s, const assess::assessment& a) {
  auto& paper = s.paper();
  paper.heading(fmt::format("Exceptions in {}, {} to {}", a.system,
                            assess::to_text(a.since),
                            assess::to_text(a.until - std::chrono::days(1))));
  paper.paragraph(assess::headline(a));
  paper.line();
  table t({{"kind"},
           {"how often", true, true},
           {"share", true, true},
           {"half lasted", true, true},
           {"9 in 10", true, true},
           {"open", true, true},
           {a.currency.empty() ? "cost" : "cost " + a.currency, true, true},
           {"flow"}});
  for (const auto& k : a.kinds) {
    const auto& w = assess::words_of(k.what);
    const bool lasts = *w.duration != '\0' && k.count > 0;
    if (!k.judged) {
      t.row({w.title, {"not judged", colour::warning}});
      continue;
    }
    const auto share =
        k.out_of == 0 || !assess::is_share(k.what)
            ? std::string()
            : fmt::format("{:.1f} %", 100.0 * static_cast<double>(k.count) /
                                          static_cast<double>(k.out_of));
    t.row({w.title,
           grouped(k.count),
           share,
           lasts ? assess::days_text(k.lasted.median) : "",
           lasts ? assess::days_text(k.lasted.p90) : "",
           grouped(k.open),
           grouped(k.cost),
           {assess::flows_text(k), k.flows.empty() ? colour::faint : colour::none}});
  }
  t.print(paper);
  paper.heading("How the cost comes about");
  for (const auto& k : a.kinds) {
    for (const auto& p : k.parts) {
      paper.paragraph(fmt::format("{}, {}: {} = {}", assess::words_of(k.what).title,
                                  p.what, p.formula, grouped(p.amount)),
                      2, 2);
    }
  }
  paper.heading("What is assumed (--assume KEY=VALUE)");
  table assumed({{"", false, true}, {"", true, true}, {""}});
  for (const auto& one : a.assumed) {
    assumed.row({one.key,
                 {one.value.str() + (one.unit == "minutes" ? " min" : ""),
                  one.changed ? colour::strong : colour::none},
                 one.says});
  }
  assumed.print(paper, 2);
  if (!a.notes.empty()) {
    paper.heading("Quality of the data");
    for (const auto& note : a.notes) {
      paper.paragraph("- " + note, 2, 2);
    }
  }
  paper.heading("What this cannot see");
  for (const auto& sentence : a.unseen) {
    paper.paragraph("- " + sentence, 2, 2);
  }
}

} // namespace

ending assess_history(session& s, const assess_words& w) {
  auto a = make(s, w);
  if (!a) {
    return std::move(a).error();
  }
  if (!w.html.empty()) {
    if (auto r = write_page(w.html, assess::html_page(*a)); !r) {
      return std::move(r).error();
    }
  }
  if (s.told_program(assess::to_json(*a))) {
    return exit_code::ok;
  }
  print(s, *a);
  if (!w.html.empty()) {
    s.paper().line();
    s.paper().line("The page for people is in " + w.html + ".");
  }
  return exit_code::ok;
}

} // namespace crossdock::cli
