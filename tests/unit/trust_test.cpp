// Who may load what: formats against stock minisign, the operator's trust file, every way in
// which a signed file can be another one than was signed.
#include <catch2/catch.hpp>

#include "base/digest.hpp"
#include "sdk/manifest/check.hpp"
#include "trust/semver.hpp"
#include "trust/trust.hpp"

#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

using namespace crossdock;
using namespace crossdock::trust;
using namespace std::chrono_literals;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

class scratch {
public:
  scratch() {
    std::string name = (fs::temp_directory_path() / "crossdock-trust-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  fs::path operator/(const std::string& name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

struct finished {
  int code;
  std::string text;
};

finished shell(const std::string& command) {
  FILE* p = ::popen((command + " 2>&1").c_str(), "r");
  REQUIRE(p != nullptr);
  std::string text;
  char buffer[4096];
  while (const auto n = std::fread(buffer, 1, sizeof buffer, p)) {
    text.append(buffer, n);
  }
  const int status = ::pclose(p);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text};
}

/// Random tests repeat with the CROSSDOCK_SEED that they print.
std::uint64_t seed() {
  if (const char* text = std::getenv("CROSSDOCK_SEED")) {
    return std::strtoull(text, nullptr, 10);
  }
  return std::random_device()();
}

const timestamp today = *parse_rfc3339("2026-11-26T12:00:00Z");

struct person {
  secret_key key = *secret_key::generate();

  std::string entry(const std::string& name, const std::string& more = "",
                    const std::string& prefixes = "[\"acme\"]",
                    const std::string& cap = "\"everything\"") const {
    return "[[key]]\nname = \"" + name + "\"\npublic_key = \"" + key.public_half().line() +
           "\"\nid_prefixes = " + prefixes + "\ncap = " + cap + "\n" + more + "\n";
  }
  std::string id() const { return key_id_text(key.public_half().id); }
};

json manifest_of(const std::string& id, const std::string& version,
                 const std::vector<std::string>& calls = {"erp.orders.open"}) {
  return {{"id", id},
          {"version", version},
          {"components", json::array({{{"id", "pricing"},
                                       {"calls", calls},
                                       {"consumes", json::array({{{"topic", "order.held"},
                                                                  {"version", 1}}})},
                                       {"capabilities", {"tool/1"}}}})}};
}

std::string signed_by(const person& p, const std::string& bytes, const json& manifest) {
  const claim c{text_or(manifest, "id"), text_or(manifest, "version"), to_hex(sha256_of(bytes))};
  return p.key.sign(bytes, c.comment())->str("test");
}

struct scene {
  std::string bytes = "\x7f" "ELF and so on";
  json manifest = manifest_of("acme.pricing", "1.2.0");
  std::vector<named_signature> signatures;
  std::string trust_text;
  hash_list listed;
  history before;
  timestamp now = today;
  overrides said;

  void sign(const person& p, const std::string& name = "p.so.minisig") {
    signatures.push_back({name, signed_by(p, bytes, manifest)});
  }
  verdict judge() const {
    auto trusted = trust_file::parse(trust_text, "trust.toml");
    if (!trusted) {
      FAIL(trusted.error().describe());
    }
    return trust::judge({"p.so", bytes, manifest, signatures}, &*trusted, listed, before, now,
                        said);
  }
};

staging line_of(const scene& s, const std::string& what = "staged") {
  staging l;
  l.at = today;
  l.by = "uid 0";
  l.what = what;
  l.id = text_or(s.manifest, "id");
  l.version = text_or(s.manifest, "version");
  l.sha256 = to_hex(sha256_of(s.bytes));
  l.asks = asked_by_plugin(s.manifest);
  return l;
}

} // namespace

// -- hashes and formats -----------------------------------------------------------------------

TEST_CASE("what stock minisign signs verifies here, and what is signed here there", "[trust]") {
  if (shell("command -v minisign").code != 0) {
    WARN("minisign is not installed (tools/lib/install --tests): its format was not compared");
    return;
  }
  scratch folder;
  write(folder / "p.so", std::string("some bytes\0and more", 19));
  const auto cd = "cd " + folder.path().string() + " && ";
  REQUIRE(shell(cd + "minisign -G -W -p stock.pub -s stock.key").code == 0);
  const auto theirs = public_key::parse(read(folder / "stock.pub"));
  REQUIRE(theirs);

  for (const bool legacy : {false, true}) {
    INFO((legacy ? "legacy" : "prehashed"));
    const auto f = shell(cd + "minisign -S -s stock.key -m p.so -t 'id=a.b version=1 sha256=c'" +
                         (legacy ? " -l" : ""));
    INFO(f.text);
    REQUIRE(f.code == 0);
    const auto s = signature::parse(read(folder / "p.so.minisig"));
    REQUIRE(s);
    CHECK(s->prehashed == !legacy);
    CHECK(s->comment == "id=a.b version=1 sha256=c");
    CHECK(verify(*theirs, read(folder / "p.so"), *s));
    CHECK(!verify(*theirs, read(folder / "p.so") + "x", *s));

    // Their secret key signs here, and they verify it.
    const auto key = secret_key::parse(read(folder / "stock.key"), {});
    REQUIRE(key);
    CHECK(key->public_half().line() == theirs->line());
    write(folder / "ours.minisig",
          key->sign(read(folder / "p.so"), "said here", !legacy)->str("ours"));
    const auto v = shell(cd + "minisign -V -p stock.pub -m p.so -x ours.minisig");
    INFO(v.text);
    CHECK(v.code == 0);
    CHECK_THAT(v.text, Contains("said here"));
  }

  // A key made here, with and without a password, is one of theirs.
  for (const std::string password : {"", "pass word"}) {
    const auto made = secret_key::generate();
    REQUIRE(made);
    write(folder / "made.key", *made->str(password));
    write(folder / "made.pub", made->public_half().str());
    const auto f = shell(cd + "printf '%s\\n' '" + password +
                         "' | minisign -S -s made.key -m p.so -x made.minisig" +
                         (password.empty() ? " -W" : ""));
    INFO(f.text);
    REQUIRE(f.code == 0);
    const auto s = signature::parse(read(folder / "made.minisig"));
    REQUIRE(s);
    CHECK(verify(made->public_half(), read(folder / "p.so"), *s));
    CHECK(shell(cd + "minisign -V -p made.pub -m p.so -x made.minisig").code == 0);
  }
}

TEST_CASE("a secret key with a password opens with that password alone", "[trust]") {
  const auto key = *secret_key::generate();
  const auto text = *key.str("right");
  const auto with = [](std::string p) {
    return [p]() -> result<std::string> { return p; };
  };
  const auto opened = secret_key::parse(text, with("right"));
  REQUIRE(opened);
  CHECK(opened->public_half().line() == key.public_half().line());
  const auto wrong = secret_key::parse(text, with("wrong"));
  REQUIRE(!wrong);
  CHECK(wrong.error().code() == errc::denied);
  CHECK(secret_key::parse(text, {}).error().code() == errc::denied);
  // Half of another key in the file would sign with one and claim the other.
  auto plain = *key.str("");
  auto other = *secret_key::generate()->str("");
  const auto at = plain.find('\n') + 1;
  plain.replace(at + 150, 30, other.substr(at + 150, 30));
  CHECK(!secret_key::parse(plain, {}));
}

TEST_CASE("an encrypted minisign key that asks for absurd memory is refused at once", "[trust]") {
  auto text = *secret_key::generate()->str("pw");
  const auto at = text.find('\n') + 1;
  std::string raw(text.size(), '\0');
  const auto base64 = text.substr(at, text.size() - at - 1);
  raw.resize(base64.size() / 4 * 3);
  REQUIRE(EVP_DecodeBlock(reinterpret_cast<unsigned char*>(raw.data()),
                          reinterpret_cast<const unsigned char*>(base64.data()),
                          static_cast<int>(base64.size())) > 0);
  for (std::size_t i = 38; i < 54; ++i) {
    raw[i] = '\x7f';
  }
  std::string again(base64.size() + 1, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(again.data()),
                  reinterpret_cast<const unsigned char*>(raw.data()), 158);
  again.resize(base64.size());
  const auto r = secret_key::parse(text.substr(0, at) + again + "\n",
                                   []() -> result<std::string> { return std::string("pw"); });
  REQUIRE(!r);
  CHECK(r.error().code() == errc::limit);
}

TEST_CASE("texts that are no keys and no signatures are errors, never crashes", "[trust]") {
  const person p;
  const auto good = p.key.sign("bytes", "c")->str("u");
  REQUIRE(signature::parse(good));
  const auto s = seed();
  INFO("repeat with CROSSDOCK_SEED=" << s);
  std::mt19937_64 random(s);
  for (int i = 0; i < 2000; ++i) {
    auto text = good;
    switch (random() % 3) {
    case 0: text.resize(random() % text.size()); break;
    case 1: text.insert(random() % text.size(), 1, static_cast<char>(random())); break;
    default: text[random() % text.size()] = static_cast<char>(random()); break;
    }
    (void)signature::parse(text);
    (void)public_key::parse(text);
    (void)secret_key::parse(text, {});
  }
  CHECK(!signature::parse(""));
  CHECK(!signature::parse(std::string(1 << 20, 'x')));
  CHECK(!public_key::parse(p.key.public_half().line() + "x"));
  CHECK(!p.key.sign("bytes", "two\nlines"));
}

TEST_CASE("versions are ordered as SemVer orders them", "[trust]") {
  // SemVer 2.0.0 §11.4
  const std::vector<std::string> order{"0.9.9",        "1.0.0-alpha",  "1.0.0-alpha.1",
                                       "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
                                       "1.0.0-beta.11", "1.0.0-rc.1",   "1.0.0",
                                       "1.0.1",        "1.2.0",        "1.10.0",
                                       "2.0.0",        "18446744073709551616.0.0",
                                       "36893488147419103232.0.0"};
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = 0; j < order.size(); ++j) {
      INFO(order[i] << " and " << order[j]);
      CHECK((compare_versions(order[i], order[j]) == (i <=> j)));
    }
  }
  CHECK((compare_versions("1.0.0+one", "1.0.0+two") == 0));
  CHECK((compare_versions("nonsense", "0.0.1") < 0));
}

// -- the trust file ---------------------------------------------------------------------------

TEST_CASE("a trust file's mistakes are named with file, line and field", "[trust]") {
  const person a;
  struct wrong {
    std::string text;
    const char* field;
    const char* says;
  };
  const auto key = a.entry("acme");
  const auto without = [&](const std::string& line) {
    auto text = key;
    const auto at = text.find(line + " = ");
    return text.erase(at, text.find('\n', at) - at + 1);
  };
  for (const auto& w : std::vector<wrong>{
         {"[[keys]]\n", "keys", "unknown key"},
         {key + "colour = \"red\"\n", "key.0.colour", "unknown key"},
         {without("public_key"), "key.0.public_key", "missing"},
         {without("cap"), "key.0.cap", "missing"},
         {without("id_prefixes"), "key.0.id_prefixes", "missing"},
         {a.entry("acme", "", "[\"acme.\"]"), "key.0.id_prefixes", "beginnings"},
         {a.entry("acme", "", "[\"\"]"), "key.0.id_prefixes", "beginnings"},
         {a.entry("acme", "", "[]"), "key.0.id_prefixes", "beginnings"},
         {a.entry("acme", "", "[\"*\"]"), "key.0.id_prefixes", "beginnings"},
         {a.entry("acme", "", "[\"acme\"]", "\"all\""), "key.0.cap", "everything"},
         {a.entry("acme", "", "[\"acme\"]", "{ call = [] }"), "key.0.cap.call", "unknown key"},
         {a.entry("acme", "", "[\"acme\"]", "{ calls = [\"erp*\"] }"), "key.0.cap.calls", "erp*"},
         {a.entry("acme", "role = \"boss\""), "key.0.role", "vendor"},
         {a.entry("acme", "isolation = \"none\""), "key.0.isolation", "in-process"},
         {a.entry("acme", "first_party = true"), "key.0.first_party", "in-process"},
         {a.entry("acme", "not_after = \"2027-01-01\""), "key.0.not_after", "without quotes"},
         {a.entry("acme", "not_after = 2027-01-01T10:00:00"), "key.0.not_after", "offset"},
         {key + key, "key.1.name", "already"},
         {"[[revoked]]\nreason = \"x\"\ndate = 2026-01-01\n", "revoked.0.key_id", "exactly one"},
         {"[[revoked]]\nkey_id = \"zz\"\nreason = \"x\"\ndate = 2026-01-01\n",
          "revoked.0.key_id", "hexadecimal"},
         {"[[revoked]]\nkey_id = \"11\"\nreason = \"x\"\n", "revoked.0.date", "missing"},
         {"require = 2\n" + key, "require", "signatures"},
         {"require = { signatures = 0 }\n" + key, "require.signatures", "from 1"},
         {"require = { roles = [\"chief\"] }\n" + key, "require.roles", "vendor"},
         {"require = { signatures = 2 }\n" + key, "require.signatures", "fewer keys"}}) {
    INFO(w.text);
    const auto r = trust_file::parse(w.text, "trust.toml");
    REQUIRE(!r);
    const auto text = r.error().describe();
    CHECK_THAT(text, Contains("trust.toml") && Contains("line: ") && Contains(w.says));
    CHECK_THAT(text, Contains(std::string("field: ") + w.field));
  }
  CHECK_THAT(trust_file::parse("x = [\n", "trust.toml").error().describe(), Contains("TOML"));
}

TEST_CASE("a trust file that others may write is refused, and so is a link to one", "[trust]") {
  scratch folder;
  const person a;
  const auto file = folder / "trust.toml";
  write(file, a.entry("acme"));
  ::chmod(file.c_str(), 0644);
  REQUIRE(trust_file::read(file));

  for (const mode_t mode : {0664, 0646, 0666}) {
    ::chmod(file.c_str(), mode);
    const auto r = trust_file::read(file);
    REQUIRE(!r);
    CHECK(r.error().code() == errc::denied);
    CHECK_THAT(r.error().describe(), Contains("chmod go-w") && Contains("trust.toml"));
  }
  ::chmod(file.c_str(), 0644);

  fs::create_symlink(file, folder / "link.toml");
  CHECK(trust_file::read(folder / "link.toml").error().code() == errc::denied);
  CHECK_THAT(trust_file::read(folder / "link.toml").error().describe(), Contains("symbolic link"));

  ::chmod(folder.path().c_str(), 0777);
  CHECK(trust_file::read(file).error().code() == errc::denied);
  ::chmod(folder.path().c_str(), 0755);
  CHECK(trust_file::read(file));

  // A folder on the way that others may write, behind a link that looks innocent.
  fs::create_directories(folder / "open" / "inner");
  write(folder / "open" / "inner" / "trust.toml", a.entry("acme"));
  ::chmod((folder / "open").c_str(), 0777);
  fs::create_directory_symlink(folder / "open" / "inner", folder / "shortcut");
  CHECK(trust_file::read(folder / "shortcut" / "trust.toml").error().code() == errc::denied);

  if (::geteuid() == 0) {
    REQUIRE(::chown(file.c_str(), 12345, 12345) == 0);
    const auto r = trust_file::read(file);
    REQUIRE(!r);
    CHECK_THAT(r.error().describe(), Contains("12345"));
  }
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(trust_file::read(folder / "pipe").error().code() == errc::denied); // and does not hang
}

// -- the judgement ----------------------------------------------------------------------------

TEST_CASE("a file signed by a trusted key is admitted with that key's cap", "[trust]") {
  const person acme;
  scene s;
  s.trust_text = acme.entry("acme", "", "[\"acme\"]", "{ calls = [\"erp.orders.*\"] }");
  s.sign(acme);
  const auto v = s.judge();
  INFO(v.why());
  REQUIRE(v.admitted());
  CHECK(v.how == verdict::standing::signed_by);
  CHECK(v.standing_text() == "signed by acme (" + acme.id() + ")");
  CHECK(!v.may_run_in_process);
  const auto r = effective(asked_by(s.manifest["components"][0]), {}, v.highest);
  CHECK(r.held.of(right::calls) == std::set<std::string>{"erp.orders.open"});
  CHECK(r.held.of(right::consumes).empty());
  CHECK(r.kept_by_cap.of(right::consumes) == std::set<std::string>{"order.held"});
  CHECK(r.kept_by_cap.of(right::capabilities) == std::set<std::string>{"tool/1"});
}

TEST_CASE("what does not admit a file is said, all of it", "[trust]") {
  const person acme;
  const person other;
  scene s;
  s.trust_text = acme.entry("acme");

  SECTION("no signature") {
    CHECK_THAT(s.judge().why(), !Contains("list of allowed files"));
    s.listed[std::string(64, '0')] = {};
    const auto v = s.judge();
    CHECK(!v.admitted());
    CHECK_THAT(v.why(), Contains("p.so.minisig") && Contains(to_hex(sha256_of(s.bytes))));
  }
  SECTION("an unknown key") {
    s.sign(other);
    const auto v = s.judge();
    CHECK(!v.admitted());
    CHECK_THAT(v.why(), Contains("nobody trusts the key " + other.id()));
  }
  SECTION("an unknown key spoils no known one") {
    s.sign(other);
    s.sign(acme);
    const auto v = s.judge();
    CHECK(v.admitted());
    CHECK(v.signers.size() == 1);
    CHECK_THAT(v.notes.at(0), Contains("nobody trusts the key " + other.id()));
  }
  SECTION("another vendor's key") {
    s.trust_text += other.entry("other", "", "[\"other\", \"acm\", \"acme.pricing2\"]");
    s.sign(other);
    const auto v = s.judge();
    CHECK(!v.admitted());
    CHECK_THAT(v.why(), Contains("other (" + other.id() + ")") &&
                          Contains("may not sign for acme.pricing"));
  }
  SECTION("an expired key") {
    s.trust_text = acme.entry("acme", "not_after = 2026-11-25");
    s.sign(acme);
    CHECK_THAT(s.judge().why(), Contains("valid until 2026-11-26T00:00:00Z"));
    s.now = *parse_rfc3339("2026-11-25T23:59:59Z");
    CHECK(s.judge().admitted());
    CHECK_THAT(s.judge().notes.at(0), Contains("valid until"));
    s.now = *parse_rfc3339("2026-11-26T00:00:00Z");
    CHECK(!s.judge().admitted());
  }
  SECTION("a revoked key, whatever else admits the file") {
    s.trust_text += "[[revoked]]\nkey_id = \"" + acme.id() +
                    "\"\nreason = \"laptop stolen\"\ndate = 2026-11-01\n";
    s.sign(acme);
    s.listed[to_hex(sha256_of(s.bytes))] = {};
    const auto v = s.judge();
    CHECK(!v.admitted());
    CHECK_THAT(v.why(), Contains("revoked on 2026-11-01: laptop stolen"));
  }
  SECTION("a revoked file, whatever else admits it") {
    s.trust_text += "[[revoked]]\nsha256 = \"" + to_hex(sha256_of(s.bytes)) +
                    "\"\nreason = \"wrong prices\"\ndate = 2026-11-01\n";
    s.sign(acme);
    s.listed[to_hex(sha256_of(s.bytes))] = {};
    const auto v = s.judge();
    CHECK(!v.admitted());
    CHECK_THAT(v.why(), Contains("wrong prices"));
  }
  SECTION("a signature of another file under this file's name") {
    auto another = s;
    another.bytes = "another file";
    s.signatures = {{"p.so.minisig", signed_by(acme, another.bytes, another.manifest)}};
    s.listed[to_hex(sha256_of(s.bytes))] = {};
    const auto v = s.judge();
    CHECK(!v.admitted()); // even a listed file: somebody meddled with it
    CHECK_THAT(v.why(), Contains("does not fit the file's bytes"));
  }
  SECTION("a good signature whose comment names another id, version or hash") {
    for (const auto& c : {claim{"acme.other", "1.2.0", to_hex(sha256_of(s.bytes))},
                          claim{"acme.pricing", "1.3.0", to_hex(sha256_of(s.bytes))},
                          claim{"acme.pricing", "1.2.0", std::string(64, '0')}}) {
      s.signatures = {{"p.so.minisig", acme.key.sign(s.bytes, c.comment())->str("u")}};
      const auto v = s.judge();
      CHECK(!v.admitted());
      CHECK_THAT(v.why(), Contains("it was signed for"));
    }
  }
  SECTION("a comment that says too little or too much") {
    const auto hash = to_hex(sha256_of(s.bytes));
    for (const auto& comment :
         {std::string("timestamp:1\tfile:p.so\thashed"), "id=acme.pricing sha256=" + hash,
          "id=acme.pricing version=1.2.0 version=1.2.0 sha256=" + hash}) {
      s.signatures = {{"p.so.minisig", acme.key.sign(s.bytes, comment)->str("u")}};
      const auto v = s.judge();
      CHECK(!v.admitted());
      CHECK_THAT(v.why(), Contains("trusted comment"));
    }
    s.signatures = {{"p.so.minisig",
                     acme.key
                       .sign(s.bytes, "timestamp:7 id=acme.pricing\tversion=1.2.0 sha256=" + hash)
                       ->str("u")}};
    CHECK(s.judge().admitted()); // other words are left alone
  }
}

TEST_CASE("two signatures and both roles can be required", "[trust]") {
  const person vendor;
  const person boss;
  const person boss2;
  scene s;
  s.trust_text = "require = { signatures = 2, roles = [\"vendor\", \"operator\"] }\n" +
                 vendor.entry("vendor", "", "[\"acme\"]",
                              "{ calls = [\"*\"], consumes = [\"*\"] }") +
                 boss.entry("boss", "role = \"operator\"", "[\"acme\", \"crossdock\"]",
                            "{ calls = [\"erp.*\"], capabilities = [\"*\"] }") +
                 boss2.entry("boss2", "role = \"operator\"");
  s.sign(vendor);
  CHECK_THAT(s.judge().why(), Contains("1 good signatures and needs 2") &&
                                Contains("role operator"));
  s.sign(vendor, "p.so.again.minisig"); // twice the same counts once
  CHECK(!s.judge().admitted());
  s.signatures.pop_back();
  s.sign(boss, "p.so.operator.minisig");
  const auto v = s.judge();
  REQUIRE(v.admitted());
  // The common part of both caps.
  const auto asked = asked_by(s.manifest["components"][0]);
  const auto held = effective(asked, {}, v.highest).held;
  CHECK(held.of(right::calls).size() == 1);
  CHECK(held.of(right::consumes).empty());
  CHECK(held.of(right::capabilities).empty());
  s.signatures.erase(s.signatures.begin());
  s.sign(boss2, "p.so.2.minisig");
  CHECK_THAT(s.judge().why(), Contains("role vendor"));
}

TEST_CASE("only first-party keys and exact hashes lead into the node's process", "[trust]") {
  const person acme;
  scene s;
  s.sign(acme);
  const auto hash = to_hex(sha256_of(s.bytes));
  struct expected {
    const char* key;
    int lock; ///< 0 not listed, 1 listed, 2 listed with in_process
    bool may;
    bool runs;
  };
  for (const auto& e : {expected{"", 0, false, false}, expected{"", 1, false, false},
                        expected{"", 2, true, true},
                        expected{"isolation = \"in-process\"", 0, true, false},
                        expected{"isolation = \"in-process\"", 2, true, true},
                        expected{"isolation = \"in-process\"\nfirst_party = true", 0, true, true}}) {
    INFO(e.key << " lock " << e.lock);
    s.trust_text = acme.entry("acme", e.key);
    s.listed.clear();
    if (e.lock > 0) {
      s.listed[hash].in_process = e.lock == 2;
    }
    const auto v = s.judge();
    REQUIRE(v.admitted());
    CHECK(v.how == verdict::standing::signed_by);
    CHECK(v.may_run_in_process == e.may);
    CHECK(v.runs_in_process == e.runs);
  }
  // With two signers the stricter floor holds.
  const person strict;
  s.trust_text = acme.entry("acme", "isolation = \"in-process\"\nfirst_party = true") +
                 strict.entry("strict");
  s.listed.clear();
  CHECK(s.judge().runs_in_process);
  s.sign(strict, "p.so.2.minisig");
  CHECK(!s.judge().may_run_in_process);
}

TEST_CASE("an older signed version is refused until a person wants it back", "[trust]") {
  const person acme;
  scene now;
  now.trust_text = acme.entry("acme");
  now.manifest = manifest_of("acme.pricing", "2.0.0");
  now.bytes = "version two";
  now.sign(acme);
  scene old = now;
  old.manifest = manifest_of("acme.pricing", "1.9.9");
  old.bytes = "version one";
  old.signatures.clear();
  old.sign(acme);

  REQUIRE(old.judge().admitted()); // nothing newer was here yet
  old.before.add(line_of(now));
  const auto v = old.judge();
  CHECK(!v.admitted());
  CHECK_THAT(v.why(), Contains("1.9.9 is older than 2.0.0") && Contains("--allow-downgrade"));

  old.said.downgrade_reason = "two loses orders";
  const auto allowed = old.judge();
  CHECK(allowed.admitted());
  CHECK_THAT(allowed.notes.at(0), Contains("two loses orders"));

  auto line = line_of(old);
  line.downgrade_reason = "two loses orders";
  old.before.add(line);
  old.said = {};
  CHECK(old.judge().admitted()); // the node starts with it
  // The permission is for exactly this file ...
  auto older = old;
  older.manifest = manifest_of("acme.pricing", "1.9.8");
  older.bytes = "version one minus";
  older.signatures.clear();
  older.sign(acme);
  CHECK(!older.judge().admitted());
  // ... and ends when the newest is back.
  old.before.add(line_of(now));
  CHECK(!old.judge().admitted());
}

TEST_CASE("a file that asks for more than the one before needs a person", "[trust]") {
  const person acme;
  scene first;
  first.trust_text = acme.entry("acme");
  first.sign(acme);
  scene next = first;
  next.manifest = manifest_of("acme.pricing", "1.3.0", {"erp.orders.open", "erp.prices.all"});
  next.bytes = "wants more";
  next.signatures.clear();
  next.sign(acme);
  REQUIRE(next.judge().admitted());
  next.before.add(line_of(first));
  CHECK_THAT(next.judge().why(),
             Contains("pricing reads with erp.prices.all") && Contains("--accept-wider"));
  next.said.wider_accepted_by = "maria";
  CHECK(next.judge().admitted());
  next.before.add(line_of(next));
  next.said = {};
  CHECK(next.judge().admitted());
  // Narrower is never a question, a new component is.
  first.manifest = manifest_of("acme.pricing", "1.4.0");
  first.bytes = "asks for less";
  first.signatures.clear();
  first.sign(acme);
  first.before = next.before;
  CHECK(first.judge().admitted());
  first.manifest["components"].push_back({{"id", "second"}});
  CHECK_THAT(first.judge().why(), Contains("component second is new"));
}

TEST_CASE("a listed file is admitted as ever, and keeps the cap of who signed it", "[trust]") {
  const person acme;
  scene s;
  s.trust_text = acme.entry("acme", "not_after = 2020-01-01", "[\"acme\"]", "{}");
  s.listed[to_hex(sha256_of(s.bytes))] = {};
  auto v = s.judge();
  CHECK(v.how == verdict::standing::listed);
  CHECK(v.highest.is_everything());
  s.sign(acme);
  v = s.judge();
  CHECK(v.how == verdict::standing::listed);
  CHECK(!v.highest.allows(0, "order.held"));
  CHECK_THAT(v.notes.at(0), Contains("valid until"));
  // Without a trust file the list alone decides.
  CHECK(trust::judge({"p.so", s.bytes, s.manifest, s.signatures}, nullptr, s.listed, {}, today)
          .admitted());
  const auto r = trust::judge({"p.so", s.bytes, s.manifest, s.signatures}, nullptr, {}, {}, today);
  CHECK(!r.admitted());
  CHECK_THAT(r.why(), Contains("plugin lock"));
}

TEST_CASE("flipping any byte of a signed plugin or of its signature is refused", "[trust]") {
  const auto* path = std::getenv("TEST_PLUGIN");
  REQUIRE(path != nullptr);
  const auto good = read(path);
  REQUIRE(good.size() > 10000);
  const auto parsed = manifest::from_plugin(path);
  REQUIRE(std::holds_alternative<json>(parsed));
  scene s;
  s.manifest = std::get<json>(parsed);
  s.bytes = good;
  const person p;
  s.trust_text = p.entry("p", "", "[\"" + text_or(s.manifest, "id") + "\"]");
  const auto trusted = *trust_file::parse(s.trust_text, "trust.toml");
  const auto judged = [&](const std::string& bytes, const std::string& signature) {
    return trust::judge({"p.so", bytes, s.manifest, {{"p.so.minisig", signature}}}, &trusted, {},
                        {}, today);
  };
  const auto number = seed();
  INFO("repeat with CROSSDOCK_SEED=" << number);
  std::mt19937_64 random(number);

  for (const bool prehashed : {true, false}) {
    const claim c{text_or(s.manifest, "id"), text_or(s.manifest, "version"),
                  to_hex(sha256_of(good))};
    const auto signature = p.key.sign(good, c.comment(), prehashed)->str("u");
    REQUIRE(judged(good, signature).admitted()); // the negative control

    // Random places, and on purpose: the ELF header, the section headers, the manifest.
    std::vector<std::size_t> places;
    for (int i = 0; i < 200; ++i) {
      places.push_back(random() % good.size());
    }
    for (std::size_t i = 0; i < 64; ++i) {
      places.push_back(i);
    }
    std::uint64_t headers = 0;
    std::memcpy(&headers, good.data() + 40, sizeof headers); // e_shoff
    REQUIRE(headers + 64 < good.size());
    for (int i = 0; i < 60; ++i) {
      places.push_back(headers + random() % (good.size() - headers));
    }
    const auto text = good.find("\"abi\":");
    REQUIRE(text != good.npos);
    for (int i = 0; i < 60; ++i) {
      places.push_back(text + random() % 200);
    }
    for (const auto at : places) {
      auto bytes = good;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 + random() % 255));
      const auto v = judged(bytes, signature);
      INFO("byte " << at);
      REQUIRE(!v.admitted());
      REQUIRE_THAT(v.why(), Contains("does not fit the file's bytes"));
    }
    for (const auto& bytes : {good + "x", good.substr(0, good.size() - 1)}) {
      CHECK(!judged(bytes, signature).admitted());
    }

    // Each byte from the second line on: the first is a comment that nobody signs.
    for (auto at = signature.find('\n') + 1; at < signature.size(); ++at) {
      auto text2 = signature;
      text2[at] = static_cast<char>(text2[at] ^ (1 + random() % 255));
      INFO("byte " << at << " of the signature");
      REQUIRE(!judged(good, text2).admitted());
    }
  }
}

// -- rights -----------------------------------------------------------------------------------

namespace {

const std::vector<std::string> pool{"a.one", "a.two", "a.b.three", "b.one", "c", "c.d"};
const std::vector<std::string> words{"a.one", "a.*", "a.b.*", "*", "c", "b.one", "zzz"};

rights some_rights(std::mt19937_64& random) {
  rights out;
  for (std::size_t k = 0; k < right_kinds; ++k) {
    for (const auto& name : pool) {
      if (random() % 2 == 0) {
        out.at(k).insert(name);
      }
    }
  }
  return out;
}

cap some_cap(std::mt19937_64& random) {
  if (random() % 6 == 0) {
    return cap::everything();
  }
  cap out;
  for (std::size_t k = 0; k < right_kinds; ++k) {
    for (const auto& word : words) {
      if (random() % 4 == 0) {
        REQUIRE(out.allow(k, word));
      }
    }
  }
  return out;
}

grant some_grant(std::mt19937_64& random) {
  grant out;
  for (std::size_t k = 0; k < right_kinds; ++k) {
    if (random() % 3 != 0) {
      out.names[k].emplace();
      for (const auto& name : pool) {
        if (random() % 2 == 0) {
          out.names[k]->insert(name);
        }
      }
    }
  }
  for (const auto& name : pool) {
    if (random() % 2 == 0) {
      out.endpoints[name] = "127.0.0.1:1";
    }
  }
  return out;
}

} // namespace

TEST_CASE("effective rights are never wider than manifest, grant or cap, and grow only with them",
          "[trust]") {
  const auto number = seed();
  INFO("repeat with CROSSDOCK_SEED=" << number);
  std::mt19937_64 random(number);
  for (int round = 0; round < 3000; ++round) {
    const auto asked = some_rights(random);
    const auto granted = some_grant(random);
    const auto highest = some_cap(random);
    const auto e = effective(asked, granted, highest);
    REQUIRE(e.held.within(asked));
    for (std::size_t k = 0; k < right_kinds; ++k) {
      for (const auto& name : e.held.at(k)) {
        REQUIRE(highest.allows(k, name));
        REQUIRE((static_cast<right>(k) == right::endpoints
                   ? granted.endpoints.contains(name)
                   : !granted.names[k] || granted.names[k]->contains(name)));
      }
      // Nothing is lost without being said.
      REQUIRE(e.held.at(k).size() + e.kept_by_grant.at(k).size() + e.kept_by_cap.at(k).size() ==
              asked.at(k).size());
    }
    // More asked, more granted, more allowed: never less.
    auto more = asked;
    const auto kind = random() % right_kinds;
    more.at(kind).insert(pool[random() % pool.size()]);
    REQUIRE(e.held.within(effective(more, granted, highest).held));
    auto given = granted;
    if (given.names[kind]) {
      given.names[kind]->insert(pool[random() % pool.size()]);
    }
    given.endpoints[pool[random() % pool.size()]] = "x";
    REQUIRE(e.held.within(effective(asked, given, highest).held));
    auto higher = highest;
    if (!higher.is_everything()) {
      REQUIRE(higher.allow(kind, words[random() % words.size()]));
    }
    REQUIRE(e.held.within(effective(asked, granted, higher).held));
    // Two caps together allow what each of them allows.
    const auto other = some_cap(random);
    const auto both = effective(asked, granted, highest & other).held;
    REQUIRE(both.within(e.held));
    REQUIRE(both.within(effective(asked, granted, other).held));
    for (std::size_t k = 0; k < right_kinds; ++k) {
      for (const auto& name : pool) {
        REQUIRE((highest & other).allows(k, name) ==
                (highest.allows(k, name) && other.allows(k, name)));
      }
    }
    // What was written down reads back.
    REQUIRE(rights::from_json(asked.to_json()) == asked);
  }
}

TEST_CASE("a cap's beginnings end at a dot", "[trust]") {
  cap c;
  REQUIRE(c.allow(0, "erp.orders.*"));
  CHECK(c.allows(0, "erp.orders.open"));
  CHECK(!c.allows(0, "erp.orders"));
  CHECK(!c.allows(0, "erp.ordersX.open"));
  CHECK(!c.allows(1, "erp.orders.open"));
  CHECK(!cap().allows(0, "erp.orders.open"));
}

// -- the store --------------------------------------------------------------------------------

TEST_CASE("the store keeps files by their content and remembers across openings", "[trust]") {
  scratch folder;
  const person acme;
  scene s;
  s.sign(acme);
  {
    auto opened = store::open(folder / "plugins", store::use::write);
    REQUIRE(opened);
    const auto path = opened->put("p.so", s.bytes, s.signatures);
    REQUIRE(path);
    CHECK(*path == folder / "plugins" / "sha256" / to_hex(sha256_of(s.bytes)) / "p.so");
    CHECK((fs::status(*path).permissions() & fs::perms::all) == fs::perms(0444));
    CHECK(read(path->string() + ".minisig") == s.signatures[0].text);
    CHECK(opened->put("p.so", s.bytes, s.signatures)); // again: nothing changes
    REQUIRE(opened->append(line_of(s)));
    CHECK(!opened->put("../p.so", s.bytes, {}));
    CHECK(!opened->put(".p.so", s.bytes, {}));
  }
  auto again = store::open(folder / "plugins", store::use::read);
  REQUIRE(again);
  CHECK(again->before().highest("acme.pricing") == "1.2.0");
  CHECK(again->before().lines().front().asks == asked_by_plugin(s.manifest));
  REQUIRE(again->files().size() == 1);
  CHECK(again->files()[0].sha256 == to_hex(sha256_of(s.bytes)));
}

TEST_CASE("bytes in the store that are not what their name says are refused", "[trust]") {
  scratch folder;
  auto opened = store::open(folder / "plugins", store::use::write);
  REQUIRE(opened);
  const auto path = *opened->put("p.so", "bytes", {});
  ::chmod(path.c_str(), 0644);
  write(path, "other");
  CHECK(opened->put("p.so", "bytes", {}).error().code() == errc::corrupt);
  fs::remove(path);
  write(folder / "elsewhere", "bytes");
  fs::create_symlink(folder / "elsewhere", path);
  CHECK(opened->put("p.so", "bytes", {}).error().code() == errc::denied);
}

TEST_CASE("a store that others can write to is refused", "[trust]") {
  scratch folder;
  { REQUIRE(store::open(folder / "plugins", store::use::write)); }
  ::chmod((folder / "plugins").c_str(), 0777);
  const auto r = store::open(folder / "plugins", store::use::read);
  REQUIRE(!r);
  CHECK_THAT(r.error().describe(), Contains("chmod go-w"));
  ::chmod((folder / "plugins").c_str(), 01777); // sticky does not help: files could be added
  CHECK(!store::open(folder / "plugins", store::use::write));
  ::chmod((folder / "plugins").c_str(), 0755);
  ::chmod(folder.path().c_str(), 0777);
  CHECK(!store::open(folder / "plugins", store::use::write));
}

TEST_CASE("a journal line that a crash cut off is dropped, a changed one stops", "[trust]") {
  scratch folder;
  const auto file = folder / "plugins" / "journal.jsonl";
  scene s;
  {
    auto opened = store::open(folder / "plugins", store::use::write);
    REQUIRE(opened->append(line_of(s)));
  }
  const auto whole = read(file);
  for (std::size_t cut = 1; cut < whole.size(); cut += 13) {
    write(file, whole + whole.substr(0, cut));
    auto reader = store::open(folder / "plugins", store::use::read);
    REQUIRE(reader);
    CHECK(reader->before().lines().size() == 1);
  }
  {
    auto opened = store::open(folder / "plugins", store::use::write);
    REQUIRE(opened->append(line_of(s)));
  }
  CHECK(read(file) == whole + whole);
  write(file, "nonsense\n" + whole);
  const auto r = store::open(folder / "plugins", store::use::read);
  REQUIRE(!r);
  CHECK(r.error().code() == errc::corrupt);
  CHECK_THAT(r.error().describe(), Contains("line: 1"));
}

TEST_CASE("signatures beside a file are found by its name", "[trust]") {
  scratch folder;
  for (const auto* name : {"p.so.minisig", "p.so.operator.minisig", "p.so.minisig.bak",
                           "pp.so.minisig", "p.so", "p.so2.minisig"}) {
    write(folder / name, name);
  }
  const auto found = signatures_beside(folder / "p.so");
  REQUIRE(found);
  REQUIRE(found->size() == 2);
  CHECK((*found)[0].file == "p.so.minisig");
  CHECK((*found)[1].file == "p.so.operator.minisig");
}
