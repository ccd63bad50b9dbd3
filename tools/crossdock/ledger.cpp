#include "ledger/archive.hpp"
#include "ledger/proof.hpp"

#include "crossdock/commands.hpp"
#include "crossdock/facts.hpp"
#include "crossdock/ledger_place.hpp"
#include "crossdock/progress_bar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>

namespace crossdock::cli {
namespace {

namespace fs = std::filesystem;

/// One line of what a record says of itself.
std::string detail_text(const json& header) {
  const auto* detail = find_pointer(header, "/detail");
  if (detail == nullptr || !detail->is_object()) {
    return "";
  }
  std::string out;
  for (const auto& [name, value] : detail->items()) {
    if (name == "type" || value.is_structured()) {
      continue;
    }
    out += (out.empty() ? "" : ", ") + name + " " + shown(*detail, name.c_str());
  }
  return out;
}

result<std::string> key_line(const std::string& key) {
  std::error_code ignored;
  if (key.empty() || !fs::exists(key, ignored)) {
    return key;
  }
  std::ifstream in(key);
  std::string line;
  if (!std::getline(in, line) || line.empty()) {
    return error(errc::io, "the key file cannot be read or is empty").at("file", key);
  }
  return line;
}

} // namespace

ending ledger_show(session& s, const ledger_query& q) {
  json params{{"limit", q.limit}, {"bodies", q.bodies}};
  if (q.from > 0) {
    params["from"] = q.from;
  }
  if (q.to > 0) {
    params["to"] = q.to;
  }
  if (!q.case_id.empty()) {
    params["case"] = q.case_id;
  }
  auto answer = s.ask("ledger.show", params);
  if (!answer) {
    return std::move(answer).error();
  }
  if (s.told_program(*answer)) {
    return exit_code::ok;
  }
  auto& paper = s.paper();
  const auto records = answer->value("records", json::array());
  table t({{"seq", true, true},
           {"time (UTC)"},
           {"class"},
           {"kind"},
           {"from"},
           {"to"},
           {"type"},
           {"detail"}});
  for (const auto& r : records) {
    const auto header = r.value("header", json::object());
    const auto* type = find_pointer(header, "/detail/type");
    t.row({shown(r, "seq"), instant_text(shown(header, "time")), shown(header, "class"),
           shown(header, "kind"), shown(header, "src"), shown(header, "dst"),
           type != nullptr && type->is_string() ? type->get<std::string>() : "",
           detail_text(header)});
    if (q.bodies && r.contains("body")) {
      t.row({"", "", "", "", "", "", "", to_text(r["body"])});
    }
  }
  if (t.empty()) {
    paper.line("There are no such records.");
    return exit_code::ok;
  }
  t.print(paper);
  if (static_cast<std::int64_t>(records.size()) == q.limit) {
    const auto last = records.back().value("seq", std::uint64_t{0});
    if (last < answer->value("durable_seq", std::uint64_t{0})) {
      paper.line(fmt::format("More: crossdock ledger show --from {}{}", last + 1,
                             q.case_id.empty() ? "" : " --case " + q.case_id));
    }
  }
  return exit_code::ok;
}

namespace {

struct verified {
  fs::path directory;
  bool archive = false;
  std::string key; ///< empty: the one beside the ledger
  std::string note;
  ledger::verification outcome;
};

result<std::vector<std::string>> read_notes(const std::vector<std::string>& files) {
  std::vector<std::string> notes;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf())) {
      return error(errc::not_found, "the file cannot be read").at("file", file);
    }
    notes.push_back(std::move(text).str());
  }
  return notes;
}

result<verified> verify_an_archive(session& s, const fs::path& directory, std::string key,
                                   const std::vector<std::string>& known) {
  if (key.empty()) {
    return error(errc::invalid, "an archive is verified with a key that was kept apart from it: "
                                "give --key (a vkey line, or a file with one)");
  }
  const auto notes = read_notes(known);
  if (!notes) {
    return notes.error();
  }
  progress_bar bar(s.around());
  auto done = ledger::verify_archive(
      directory, key, *notes, [&](std::uint64_t n, std::uint64_t total) { bar(n, total); });
  if (!done) {
    return std::move(done).error();
  }
  return verified{directory, true, std::move(key), "", *std::move(done)};
}

result<verified> verify_a_ledger(session& s, const fs::path& directory, std::string key,
                                 const std::vector<std::string>& known) {
  if (!known.empty()) {
    return error(errc::invalid, "--known is for an archive; a ledger keeps its checkpoints");
  }
  auto where = find_ledger(s, directory);
  if (!where) {
    return std::move(where).error();
  }
  progress_bar bar(s.around());
  auto done = ledger::verify(where->directory, key,
                             [&](std::uint64_t n, std::uint64_t total) { bar(n, total); });
  if (!done) {
    return std::move(done).error();
  }
  return verified{where->directory, false, std::move(key), where->note, *std::move(done)};
}

} // namespace

ending ledger_verify(session& s, const fs::path& directory, const std::string& key,
                     const std::vector<std::string>& known) {
  auto vkey = key_line(key);
  if (!vkey) {
    return std::move(vkey).error();
  }
  std::error_code ignored;
  const bool archive = !directory.empty() && fs::exists(directory / "checkpoint", ignored);
  const auto done = archive ? verify_an_archive(s, directory, *vkey, known)
                            : verify_a_ledger(s, directory, *vkey, known);
  if (!done) {
    return done.error();
  }
  const auto& v = done->outcome;
  const auto code = v.good() ? exit_code::ok : exit_code::unverified;
  if (s.told_program({{"good", v.good()},
                      {"directory", done->directory.string()},
                      {"archive", done->archive},
                      {"records", v.records},
                      {"checkpoints", v.checkpoints},
                      {"covered", v.covered},
                      {"root", v.root_hex},
                      {"findings", v.findings}})) {
    return code;
  }
  const std::string what = done->archive ? "The archive" : "The ledger";
  auto& paper = s.paper();
  paper.paragraph(what + (v.good() ? " verifies." : " does NOT verify."), 0, 0,
                  v.good() ? colour::good : colour::bad);
  paper.field("folder", done->directory.string());
  paper.field("records", std::to_string(v.records));
  paper.field("checkpoints", std::to_string(v.checkpoints));
  paper.field("covered",
              v.covered == v.records
                  ? fmt::format("all {}", v.covered)
                  : fmt::format("{}; the newest {} are under no checkpoint yet",
                                v.covered, v.records - std::min(v.records, v.covered)));
  paper.field("root", v.root_hex);
  paper.field("key", done->key.empty()
                         ? "the one beside the ledger; compare it with a copy that "
                           "was kept elsewhere (--key)"
                         : done->key);
  paper.field("node", done->note);
  for (const auto& finding : v.findings) {
    paper.paragraph("finding: " + finding, 0, 9, colour::bad);
  }
  return code;
}

ending ledger_archive(session& s, const fs::path& directory, const fs::path& to) {
  auto where = find_ledger(s, directory);
  if (!where) {
    return std::move(where).error();
  }
  result<ledger::archived> done = ledger::archived{};
  {
    progress_bar bar(s.around());
    done = ledger::archive(where->directory, to,
                           [&](std::uint64_t n, std::uint64_t total) { bar(n, total); });
  }
  if (!done) {
    return std::move(done).error();
  }
  if (s.told_program({{"archive", to.string()},
                      {"records", done->records},
                      {"added", done->added},
                      {"root", done->root_hex}})) {
    return exit_code::ok;
  }
  auto& paper = s.paper();
  paper.paragraph(fmt::format("{} records are in the archive, {} of them new.", done->records,
                              done->added),
                  0, 0, colour::good);
  paper.field("folder", to.string());
  paper.field("root", done->root_hex);
  paper.field("key", "not in it: give " + (where->directory / "ledger.pub").string() +
                         " to the auditor by another way");
  paper.field("node", where->note);
  return exit_code::ok;
}

ending ledger_prove(session& s, std::uint64_t seq, const fs::path& archive,
                    const fs::path& file) {
  const auto proof = ledger::prove(archive, seq);
  if (!proof) {
    return proof.error();
  }
  if (file.empty()) {
    s.around().out << *proof;
    return exit_code::ok;
  }
  std::ofstream out(file, std::ios::binary);
  if (!(out << *proof) || !out.flush()) {
    return error(errc::io, "the proof cannot be written").at("file", file.string());
  }
  if (!s.told_program({{"seq", seq}, {"file", file.string()}})) {
    s.paper().line("The proof of record " + std::to_string(seq) + " is in " + file.string() + ".");
  }
  return exit_code::ok;
}

ending ledger_check_proof(session& s, const fs::path& file, const std::string& key) {
  const auto vkey = key_line(key);
  if (!vkey) {
    return vkey.error();
  }
  const auto texts = read_notes({file.string()});
  if (!texts) {
    return texts.error();
  }
  const auto seen = ledger::check_proof(texts->front(), *vkey);
  if (!seen) {
    auto wrong = seen.error();
    return std::move(wrong.at("file", file.string()));
  }
  const auto header = json::parse(seen->header);
  if (s.told_program({{"good", true},
                      {"seq", seen->seq},
                      {"size", seen->size},
                      {"root", seen->root_hex},
                      {"header", header}})) {
    return exit_code::ok;
  }
  auto& paper = s.paper();
  paper.paragraph(fmt::format("Record {} is in the log of {} records that {} signed.", seen->seq,
                              seen->size, text_or(header, "log")),
                  0, 0, colour::good);
  s.around().out << header.dump(2) << '\n';
  return exit_code::ok;
}

} // namespace crossdock::cli
