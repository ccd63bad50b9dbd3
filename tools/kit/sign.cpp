// key new, sign, verify, comment: signatures in minisign's format beside a plugin file.
#include "base/digest.hpp"
#include "kit/commands.hpp"
#include "sdk/manifest/check.hpp"
#include "trust/trust.hpp"

#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace crossdock::kit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t key_file_bytes_max = 64u << 10;

/// A plugin file with what its signature must name.
struct named_file {
  std::string bytes;
  json manifest;
  trust::claim claim;
};

result<named_file> read_plugin(const std::string& file) {
  auto bytes = trust::read_whole_file(file, trust::plugin_bytes_max, true);
  if (!bytes) {
    return std::move(bytes).error();
  }
  const auto read = manifest::from_plugin(file);
  if (const auto* problems = std::get_if<manifest::problems>(&read)) {
    return error(errc::schema, problems->empty() ? "the manifest is unreadable"
                                                 : problems->front().text())
        .at("file", file);
  }
  named_file out;
  out.bytes = *std::move(bytes);
  out.manifest = std::get<json>(read);
  out.claim = {text_or(out.manifest, "id"), text_or(out.manifest, "version"),
               to_hex(sha256_of(out.bytes))};
  return out;
}

fs::path key_folder() {
  const char* home = std::getenv("HOME");
  const char* config = std::getenv("XDG_CONFIG_HOME");
  return config != nullptr && *config != 0
             ? fs::path(config) / "crossdock"
             : fs::path(home == nullptr ? "." : home) / ".config" / "crossdock";
}

/// Asks on the terminal without an echo; of a pipe, the first line.
result<std::string> ask_password(context& c, const char* what) {
  const bool person = ::isatty(STDIN_FILENO) == 1;
  termios before{};
  if (person) {
    c.around().err << what << ": " << std::flush;
    ::tcgetattr(STDIN_FILENO, &before);
    auto quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  std::string line;
  const bool read = static_cast<bool>(std::getline(std::cin, line));
  if (person) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    c.around().err << '\n';
  }
  if (!read) {
    return error(errc::denied, "the secret key has a password, and none was given on "
                               "standard input");
  }
  return line;
}

/// Of --password-file, else asked for.
result<std::string> password_of(context& c, const std::string& file, const char* what) {
  if (file.empty()) {
    return ask_password(c, what);
  }
  auto text = trust::read_whole_file(file, key_file_bytes_max, true);
  if (text) {
    text->resize(std::min(text->find('\n'), text->size()));
  }
  return text;
}

// -- key new
// --------------------------------------------------------------------------------------

struct key_words {
  std::string secret;
  std::string password_file;
  bool without_password = false;
};

ending key_new(context& c, const key_words& w) {
  const fs::path secret =
      w.secret.empty() ? key_folder() / "sign.key" : fs::path(w.secret);
  auto open = secret;
  open.replace_extension(".pub");
  for (const auto& path : {secret, open}) {
    if (fs::exists(path)) {
      return error(errc::exists,
                   "there is a key already, and what it signed needs it: name "
                   "another file, or move it away")
          .at("file", path.string());
    }
  }
  std::string password;
  if (!w.without_password) {
    auto typed = password_of(c, w.password_file, "Password of the new key");
    if (!typed) {
      return std::move(typed).error();
    }
    if (typed->empty()) {
      return error(errc::invalid,
                   "an empty password protects nothing: --no-password says "
                   "that it should have none");
    }
    password = *std::move(typed);
  }
  auto key = trust::secret_key::generate();
  if (!key) {
    return std::move(key).error();
  }
  auto text = key->str(password);
  if (!text) {
    return std::move(text).error();
  }
  std::error_code failure;
  if (secret.has_parent_path()) {
    fs::create_directories(secret.parent_path(), failure);
  }
  const auto half = key->public_half();
  if (auto put = trust::put_file(fs::absolute(secret), *text, 0600); !put) {
    return std::move(put).error();
  }
  if (auto put = trust::put_file(fs::absolute(open), half.str(), 0644); !put) {
    return std::move(put).error();
  }
  if (c.told_program({{"secret_key", secret.string()},
                      {"public_key", open.string()},
                      {"key_id", trust::key_id_text(half.id)},
                      {"line", half.line()}})) {
    return cli::exit_code::ok;
  }
  auto& paper = c.paper();
  paper.field("secret key", secret.string() +
                                (password.empty() ? ", without a password" : "") +
                                ": it signs; keep it where only you can read it");
  paper.field("public key",
              open.string() + ": give this line to whoever loads your plugins");
  paper.field("key id", trust::key_id_text(half.id));
  paper.line();
  paper.verbatim("public_key = \"" + half.line() + "\"");
  return cli::exit_code::ok;
}

// -- sign
// -----------------------------------------------------------------------------------------

struct sign_words {
  std::vector<std::string> files;
  std::string key;
  std::string password_file;
  std::string name;
};

ending sign(context& c, const sign_words& w) {
  const fs::path key_file = w.key.empty() ? key_folder() / "sign.key" : fs::path(w.key);
  auto text = trust::read_whole_file(key_file, key_file_bytes_max, true);
  if (!text) {
    return text.error().code() == errc::not_found
               ? error(errc::not_found,
                       "there is no secret key: make one with `crossdock "
                       "plugin key new`, or name one with --key")
                     .at("file", key_file.string())
               : std::move(text).error();
  }
  struct stat s {};
  if (::stat(key_file.c_str(), &s) == 0 && (s.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    c.around().err << "crossdock-plugin: warning: others can read " << key_file.string()
                   << ": chmod 600\n";
  }
  const auto key = trust::secret_key::parse(*text, [&] {
    return password_of(c, w.password_file, "Password of the secret key");
  });
  if (!key) {
    auto why = key.error();
    return std::move(why.at("file", key_file.string()));
  }
  json all = json::array();
  for (const auto& file : w.files) {
    const auto plugin = read_plugin(file);
    if (!plugin) {
      return plugin.error();
    }
    if (const auto broken = manifest::check_plugin(file); !broken.empty()) {
      return error(errc::plugin,
                   "no node would load it, so it is not signed: " + broken.front())
          .at("file", file);
    }
    auto signed_as = key->sign(plugin->bytes, plugin->claim.comment());
    if (!signed_as) {
      return std::move(signed_as).error();
    }
    const fs::path beside = file + (w.name.empty() ? "" : "." + w.name) + ".minisig";
    const auto id = trust::key_id_text(signed_as->id);
    if (auto put = trust::put_file(
            fs::absolute(beside),
            signed_as->str("signature of a crossdock plugin by key " + id), 0644);
        !put) {
      return std::move(put).error();
    }
    all.push_back({{"file", file},
                   {"signature", beside.string()},
                   {"key_id", id},
                   {"comment", plugin->claim.comment()}});
  }
  if (c.told_program({{"signed", all}})) {
    return cli::exit_code::ok;
  }
  for (const auto& one : all) {
    c.paper().field("signed", text_or(one, "file"));
    c.paper().field("signature", text_or(one, "signature"));
    c.paper().field("says", text_or(one, "comment"));
    c.paper().field("key id", text_or(one, "key_id"));
  }
  return cli::exit_code::ok;
}

// -- comment
// --------------------------------------------------------------------------------------

struct comment_words {
  std::string file;
};

ending comment(context& c, const comment_words& w) {
  const auto plugin = read_plugin(w.file);
  if (!plugin) {
    return plugin.error();
  }
  if (!c.told_program({{"comment", plugin->claim.comment()}})) {
    c.paper().verbatim(plugin->claim.comment());
  }
  return cli::exit_code::ok;
}

// -- verify
// ---------------------------------------------------------------------------------------

struct verify_words {
  std::string file;
  std::string key;
  std::string trust;
  std::string store;
};

result<trust::public_key> key_from(const std::string& words) {
  if (auto direct = trust::public_key::parse(words); direct) {
    return direct;
  }
  auto text = trust::read_whole_file(words, key_file_bytes_max, true);
  if (!text) {
    return error(errc::invalid,
                 "--key takes a line that begins with RW, or a .pub file: " +
                     text.error().describe());
  }
  return trust::public_key::parse(*text);
}

/// One key and no trust file: it signed, or it did not.
result<trust::verdict> by_key(const named_file& plugin, const verify_words& w,
                              const std::vector<trust::named_signature>& signatures) {
  auto key = key_from(w.key);
  if (!key) {
    return std::move(key).error();
  }
  trust::trust_file only;
  only.file = "--key";
  trust::trusted_key t;
  t.name = "the key";
  t.key = *key;
  const auto dot = plugin.claim.id.find('.');
  t.id_prefixes = {plugin.claim.id.substr(0, dot)};
  t.highest = trust::cap::everything();
  only.keys.push_back(std::move(t));
  return trust::judge({w.file, plugin.bytes, plugin.manifest, signatures}, &only, {}, {},
                      system_clock().now());
}

result<trust::verdict> by_trust(const named_file& plugin, const verify_words& w,
                                const std::vector<trust::named_signature>& signatures) {
  auto trusted = trust::trust_file::read(w.trust);
  if (!trusted) {
    return std::move(trusted).error();
  }
  trust::history before;
  if (!w.store.empty()) {
    auto kept = trust::store::open(w.store, trust::store::use::read);
    if (!kept) {
      return std::move(kept).error();
    }
    before = kept->before();
  }
  return trust::judge({w.file, plugin.bytes, plugin.manifest, signatures}, &*trusted, {},
                      before, system_clock().now());
}

ending verify(context& c, const verify_words& w) {
  const auto plugin = read_plugin(w.file);
  if (!plugin) {
    return plugin.error();
  }
  auto signatures = trust::signatures_beside(w.file);
  if (!signatures) {
    return std::move(signatures).error();
  }
  const auto v = w.trust.empty() ? by_key(*plugin, w, *signatures)
                                 : by_trust(*plugin, w, *signatures);
  if (!v) {
    return v.error();
  }
  const auto code = v->admitted() ? cli::exit_code::ok : cli::exit_code::unverified;
  if (c.told_program(v->to_json())) {
    return code;
  }
  auto& paper = c.paper();
  paper.line(v->id + " " + v->version);
  paper.field("sha256", v->sha256);
  paper.field("standing", v->standing_text());
  for (const auto& why : v->reasons) {
    paper.paragraph("! " + why, 2, 2, cli::colour::bad);
  }
  for (const auto& note : v->notes) {
    paper.paragraph("- " + note, 2, 2, cli::colour::warning);
  }
  return code;
}

} // namespace

void add_signing(CLI::App& app, context& c) {
  auto* keys = app.add_subcommand("key", "Keys that sign plugin files");
  keys->require_subcommand(1);
  auto k = std::make_shared<key_words>();
  auto* fresh = c.command(*keys, "new", "Make a key pair, as minisign does", k, key_new);
  fresh->add_option("--secret", k->secret,
                    "Where the secret key goes; the public one beside it ends in .pub "
                    "(default: sign.key in ~/.config/crossdock)");
  fresh->add_option("--password-file", k->password_file,
                    "Its first line is the password (default: asked for)");
  fresh->add_flag("--no-password", k->without_password,
                  "Whoever reads the file can sign: for machines that sign");

  auto s = std::make_shared<sign_words>();
  auto* signing = c.command(
      app, "sign", "Sign plugin files; FILE.minisig is put beside each", s, sign);
  signing->add_option("file", s->files, "Plugin files (.so)")->required();
  signing->add_option(
      "--key", s->key,
      "A secret key of minisign or of `key new` (default: as of `key new`)");
  signing->add_option("--password-file", s->password_file,
                      "Its first line is the key's password (default: asked for)");
  signing->add_option(
      "--name", s->name,
      "For a further signature: FILE.NAME.minisig instead of FILE.minisig");

  auto v = std::make_shared<verify_words>();
  auto* verifying =
      c.command(app, "verify", "Say whether a plugin file's signatures hold", v, verify);
  verifying->add_option("file", v->file, "Plugin file (.so)")->required();
  auto* how = verifying->add_option_group("who", "Whom to believe");
  how->add_option("--key", v->key,
                  "A public key: a line that begins with RW, or a .pub file");
  how->add_option("--trust", v->trust,
                  "The operator's trust file: judged as a node would");
  how->require_option(1);
  verifying->add_option("--store", v->store,
                        "With --trust: the plugin store, for what was there before");

  auto m = std::make_shared<comment_words>();
  c.command(app, "comment", "Print the trusted comment that a signature must carry", m,
            comment)
      ->add_option("file", m->file, "Plugin file (.so)")
      ->required();
}

} // namespace crossdock::kit
