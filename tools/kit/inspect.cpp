#include "base/digest.hpp"
#include "kit/commands.hpp"
#include "sdk/manifest/check.hpp"

namespace crossdock::kit {
namespace {

struct inspect_words {
  std::string file;
};

std::string names(const json& list, const char* field = nullptr) {
  std::string out;
  for (const auto& entry : list) {
    out += out.empty() ? "" : ", ";
    if (field == nullptr) {
      out += entry.get<std::string>();
    } else {
      out += entry.at(field).get<std::string>();
      out += "/" + std::to_string(entry.at("version").get<int>());
    }
  }
  return out;
}

/// Reads the file; no instruction of it runs.
ending inspect(context& c, const inspect_words& w) {
  auto digest = sha256_of_file(w.file);
  if (!digest) {
    return std::move(digest).error();
  }
  const auto read = manifest::from_plugin(w.file);
  if (const auto* problems = std::get_if<manifest::problems>(&read)) {
    return error(errc::schema, problems->empty() ? "the manifest is unreadable"
                                                 : problems->front().text())
      .at("file", w.file);
  }
  const auto& m = std::get<json>(read);
  const auto findings = manifest::check_plugin(w.file);
  if (c.told_program({{"file", w.file},
                      {"sha256", to_hex(*digest)},
                      {"manifest", m},
                      {"findings", findings}})) {
    return cli::exit_code::ok;
  }
  auto& paper = c.paper();
  paper.line(text_or(m, "id") + " " + text_or(m, "version") + ", " + text_or(m, "name"));
  paper.field("vendor", text_or(m, "vendor"));
  paper.field("license", text_or(m, "license"));
  paper.field("sha256", to_hex(*digest));
  for (const auto& part : m.at("components")) {
    paper.heading(text_or(part, "kind") + " " + text_or(part, "id"));
    paper.field("reads", names(part.at("calls")), 14, 2);
    paper.field("proposes", names(part.at("proposes")), 14, 2);
    paper.field("consumes", names(part.at("consumes"), "topic"), 14, 2);
    paper.field("produces", names(part.at("produces"), "topic"), 14, 2);
    paper.field("asks", names(part.at("asks"), "question"), 14, 2);
    paper.field("answers", names(part.at("answers"), "question"), 14, 2);
    paper.field("offers", names(part.at("offers"), "tool"), 14, 2);
    paper.field("uses", names(part.at("capabilities")), 14, 2);
  }
  for (const auto& f : findings) {
    paper.paragraph("! " + f, 0, 2, cli::colour::bad);
  }
  return cli::exit_code::ok;
}

} // namespace

void add_inspect(CLI::App& app, context& c) {
  auto words = std::make_shared<inspect_words>();
  c.command(app, "inspect", "Say what a plugin file is and asks for; nothing of it runs", words,
            inspect)
    ->add_option("file", words->file, "Plugin file (.so)")
    ->required();
}

} // namespace crossdock::kit
