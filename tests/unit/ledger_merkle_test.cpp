#include "ledger/merkle.hpp"
#include "ledger/signed_note.hpp"

#include <catch2/catch.hpp>

#include <bit>
#include <span>

using namespace crossdock;
using namespace crossdock::ledger;

namespace {

/// RFC 6962 §2.1, word for word.
sha256 tree_hash(std::span<const std::string> entries) {
  if (entries.empty()) {
    return sha256_of("");
  }
  if (entries.size() == 1) {
    return leaf_hash(entries[0]);
  }
  const auto k = std::bit_floor(entries.size() - 1);
  return node_hash(tree_hash(entries.first(k)), tree_hash(entries.subspan(k)));
}

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return out;
}

} // namespace

TEST_CASE("roots are those of the Certificate Transparency test vectors", "[ledger]") {
  const char* const leaves[] = {"",
                                "00",
                                "10",
                                "2021",
                                "3031",
                                "40414243",
                                "5051525354555657",
                                "606162636465666768696a6b6c6d6e6f"};
  const char* const roots[] = {
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  frontier tree;
  CHECK(to_hex(tree.root()) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (std::size_t i = 0; i < std::size(leaves); ++i) {
    tree.push(leaf_hash(from_hex(leaves[i])));
    CHECK(to_hex(tree.root()) == roots[i]);
  }
}

TEST_CASE("the frontier gives the root of the whole tree at every size", "[ledger]") {
  std::vector<std::string> entries;
  frontier tree;
  for (std::size_t size = 0; size <= 200; ++size) {
    REQUIRE(tree.size() == size);
    CHECK(tree.root() == tree_hash(entries));
    const auto again = frontier::from_bytes(size, tree.bytes());
    REQUIRE(again);
    CHECK(again->root() == tree.root());
    CHECK_FALSE(frontier::from_bytes(size + 1 + size, tree.bytes() + "x"));
    entries.push_back("entry " + std::to_string(size));
    tree.push(leaf_hash(entries.back()));
  }
}

TEST_CASE("keys and notes of golang.org/x/mod/sumdb/note are read and verified",
          "[ledger]") {
  // The example of that package's documentation; C2SP signed-note describes the same
  // format.
  const std::string vkey =
      "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
  const std::string skey = "PRIVATE+KEY+PeterNeumann+c74f20a3+"
                           "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
  const std::string text = "If you think cryptography is the answer to your problem,\n"
                           "then you don't know what your problem is.\n";
  const std::string note = text +
                           "\n\xe2\x80\x94 PeterNeumann "
                           "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFY"
                           "C2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
  const auto key = verification_key::parse(vkey);
  REQUIRE(key);
  CHECK(key->str() == vkey);
  const auto opened = open_note(note, *key);
  REQUIRE(opened);
  CHECK(*opened == text);
  const auto secret = signing_key::parse(skey);
  REQUIRE(secret);
  CHECK(secret->str() == skey);
  CHECK(secret->public_key().str() == vkey);
  CHECK(secret->sign(text).value() == note); // Ed25519 is deterministic

  auto forged = note;
  forged[0] = 'i';
  CHECK(open_note(forged, *key).error().code() == errc::denied);
  CHECK(
      verification_key::parse("PeterNeumann+c74f20a4" + vkey.substr(21)).error().code() ==
      errc::malformed);
}

TEST_CASE("a note signed by another key too is good for both", "[ledger]") {
  ed25519_bytes a{};
  ed25519_bytes b{};
  b[0] = 1;
  const auto first = signing_key::from_seed("one.example", a).value();
  const auto second = signing_key::from_seed("two.example", b).value();
  const std::string text = "hello\n";
  const auto one = first.sign(text).value();
  const auto two = second.sign(text).value();
  const auto both = one + two.substr(text.size() + 1);
  CHECK(open_note(both, first.public_key()).value() == text);
  CHECK(open_note(both, second.public_key()).value() == text);
  CHECK(open_note(one, second.public_key()).error().code() == errc::denied);
}

TEST_CASE("a tree head reads back as it was written", "[ledger]") {
  const tree_head h{"example.com/site-1", 12, sha256_of("x")};
  const auto again = tree_head::parse(h.text());
  REQUIRE(again);
  CHECK(again->origin == h.origin);
  CHECK(again->size == 12);
  CHECK(again->root == h.root);
  for (const auto* bad :
       {"", "a\n", "a\n012\nAAAA\n", "a\n-1\nAAAA\n", "\n1\n\n", "a\n1\nAAAA\n"}) {
    CHECK_FALSE(tree_head::parse(bad));
  }
}
