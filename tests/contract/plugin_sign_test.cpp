// A partner signs, somebody else verifies: the commands, on a real plugin file.
#include "base/json.hpp"
#include "kit/app.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace crossdock;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

struct told {
  cli::exit_code code;
  std::string out, err;
};

/// A folder with a plugin file and a key pair.
class workshop {
public:
  workshop() {
    std::string name = (fs::temp_directory_path() / "crossdock-sign-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder = name;
    fs::copy_file(fs::path(std::getenv("TEST_PLUGINS")) / "echo.so", file("echo.so"));
    REQUIRE(says({"key", "new", "--secret", file("acme.key"), "--no-password"}).code ==
            cli::exit_code::ok);
  }
  ~workshop() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  workshop(const workshop&) = delete;
  workshop& operator=(const workshop&) = delete;

  std::string file(const std::string& name) const { return (folder / name).string(); }

  static told says(std::vector<std::string> words) {
    std::ostringstream out, err;
    const auto code = kit::run(std::move(words), {out, err});
    return {code, out.str(), err.str()};
  }
  told sign() const { return says({"sign", file("echo.so"), "--key", file("acme.key")}); }
  told verify() const {
    return says({"verify", file("echo.so"), "--key", file("acme.pub")});
  }

  void change(const std::string& name, std::streamoff at, char to) const {
    std::fstream f(file(name), std::ios::in | std::ios::out | std::ios::binary);
    f.seekp(at);
    f.put(to);
  }

  fs::path folder;
};

} // namespace

TEST_CASE("what was signed verifies, and a changed byte of it does not", "[kit]") {
  const workshop w;
  const auto s = w.sign();
  INFO(s.err);
  REQUIRE(s.code == cli::exit_code::ok);
  CHECK_THAT(s.out, Contains("id=test.plugins.echo version=1.0.0"));
  CHECK(w.verify().code == cli::exit_code::ok);

  w.change("echo.so", static_cast<std::streamoff>(fs::file_size(w.file("echo.so")) / 2),
           '\x7f');
  const auto v = w.verify();
  CHECK(v.code != cli::exit_code::ok);
  CHECK_THAT(v.out + v.err,
             Contains("does not fit the file's bytes") || Contains("manifest"));
}

TEST_CASE("a secret key is for its owner's eyes and is never written over", "[kit]") {
  const workshop w;
  struct stat s {};
  REQUIRE(::stat(w.file("acme.key").c_str(), &s) == 0);
  CHECK((s.st_mode & 0777) == 0600);
  const auto again =
      w.says({"key", "new", "--secret", w.file("acme.key"), "--no-password"});
  CHECK(again.code == cli::exit_code::conflict);
  CHECK_THAT(again.err, Contains("there is a key already"));
}

TEST_CASE("a key with a password signs with that password alone", "[kit]") {
  const workshop w;
  std::ofstream(w.file("right")) << "correct horse\n";
  std::ofstream(w.file("wrong")) << "battery staple\n";
  REQUIRE(w.says({"key", "new", "--secret", w.file("p.key"), "--password-file",
                  w.file("right")})
              .code == cli::exit_code::ok);
  const auto no = w.says({"sign", w.file("echo.so"), "--key", w.file("p.key"),
                          "--password-file", w.file("wrong")});
  CHECK(no.code == cli::exit_code::denied);
  CHECK_THAT(no.err, Contains("password") && Contains("p.key"));
  CHECK_FALSE(fs::exists(w.file("echo.so.minisig")));
  CHECK(w.says({"sign", w.file("echo.so"), "--key", w.file("p.key"), "--password-file",
                w.file("right")})
            .code == cli::exit_code::ok);
}

TEST_CASE("no signature, another key's and none of the file's are told apart", "[kit]") {
  const workshop w;
  CHECK_THAT(w.verify().out, Contains("it is not signed"));
  CHECK(w.verify().code == cli::exit_code::unverified);
  REQUIRE(w.says({"key", "new", "--secret", w.file("other.key"), "--no-password"}).code ==
          cli::exit_code::ok);
  REQUIRE(w.says({"sign", w.file("echo.so"), "--key", w.file("other.key")}).code ==
          cli::exit_code::ok);
  CHECK_THAT(w.verify().out, Contains("nobody trusts the key"));
  // Both: the known one counts.
  fs::rename(w.file("echo.so.minisig"), w.file("echo.so.other.minisig"));
  REQUIRE(w.sign().code == cli::exit_code::ok);
  const auto v =
      w.says({"verify", "--json", w.file("echo.so"), "--key", w.file("acme.pub")});
  CHECK(v.code == cli::exit_code::ok);
  const auto told = json::parse(v.out);
  CHECK(told["standing"] == "signed");
  CHECK(told["signers"].size() == 1);
}

TEST_CASE("the trust file decides as a node would", "[kit]") {
  const workshop w;
  REQUIRE(w.sign().code == cli::exit_code::ok);
  std::ifstream in(w.file("acme.pub"));
  std::string comment, key;
  std::getline(in, comment);
  std::getline(in, key);
  const auto trust = [&](const std::string& ids) {
    std::ofstream(w.file("trust.toml"))
        << "[[key]]\nname = \"acme\"\npublic_key = \"" << key << "\"\nid_prefixes = [\""
        << ids << "\"]\ncap = \"everything\"\n";
    ::chmod(w.file("trust.toml").c_str(), 0644);
    return w.says({"verify", w.file("echo.so"), "--trust", w.file("trust.toml")});
  };
  const auto good = trust("test.plugins");
  INFO(good.out << good.err);
  CHECK(good.code == cli::exit_code::ok);
  CHECK_THAT(good.out, Contains("signed by acme"));
  const auto bad = trust("elsewhere");
  CHECK(bad.code == cli::exit_code::unverified);
  CHECK_THAT(bad.out, Contains("may not sign for test.plugins.echo"));
}

TEST_CASE("diff says what a newer file asks for beyond the older one", "[kit]") {
  const workshop w;
  const auto other = (fs::path(std::getenv("TEST_PLUGINS")) / "proposer.so").string();
  const auto wider = w.says({"diff", w.file("echo.so"), other, "--json"});
  CHECK(wider.code == cli::exit_code::denied);
  CHECK_FALSE(json::parse(wider.out)["wider"].empty());
  const auto same = w.says({"diff", w.file("echo.so"), w.file("echo.so")});
  CHECK(same.code == cli::exit_code::ok);
  CHECK_THAT(same.out, Contains("nothing that an operator would notice"));
}

TEST_CASE("new refuses a name that is none, and a folder that has something in it",
          "[kit]") {
  const workshop w;
  for (const std::string name :
       {"Acme-pricing", "acme_pricing", "acme", "acme-", "a b"}) {
    const auto t = w.says({"new", name, "--directory", w.file("p")});
    INFO(name);
    CHECK(t.code == cli::exit_code::bad_input);
    CHECK_FALSE(fs::exists(w.file("p")));
  }
  const auto t = w.says({"new", "acme-pricing", "--directory", w.folder.string()});
  CHECK(t.code == cli::exit_code::conflict);
  CHECK_FALSE(fs::exists(w.file("plugin.toml")));
  const auto made = w.says(
      {"new", "pricing", "--vendor", "acme", "--directory", w.file("p"), "--json"});
  CHECK(made.code == cli::exit_code::ok);
  CHECK(json::parse(made.out)["id"] == "acme.pricing");
  CHECK(fs::exists(w.file("p/pricing.cpp")));
}
