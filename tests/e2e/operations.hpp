/// What the operators' tests share.
#pragma once

#include <catch2/catch.hpp>

#include "ledger/ledger.hpp"
#include "support/node_process.hpp"

#include <fstream>
#include <sstream>

namespace crossdock::test {

inline std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

inline void write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

inline void replace(const std::filesystem::path& file, const std::string& from,
                    const std::string& to) {
  auto text = read(file);
  const auto at = text.find(from);
  INFO(file << " lacks " << from);
  REQUIRE(at != std::string::npos);
  write(file, text.replace(at, from.size(), to));
}

inline std::string crossdock_program() {
  return (std::filesystem::path(crossdockd_program()).parent_path() / "crossdock")
      .string();
}

/// A record's header and body.
struct told {
  json header;
  json body;
};

/// The whole ledger in its order, from the file.
inline std::vector<told> all_records(const std::filesystem::path& ledger_folder) {
  auto db = ledger::open_reader(ledger_folder / "ledger.db");
  REQUIRE(db.ok());
  std::vector<told> out;
  for (std::uint64_t next = 1;;) {
    auto page = ledger::read_records(**db, next, UINT64_MAX >> 1, 1000);
    REQUIRE(page.ok());
    if (page->empty()) {
      return out;
    }
    for (const auto& r : *page) {
      out.push_back({json::parse(r.header), json::parse(r.body, nullptr, false)});
      next = r.seq + 1;
    }
  }
}

constexpr const char* allow_everything = R"(
version = 1
name = "allow"
[[rule]]
id = "transfers"
effect = "allow"
agent = "*"
tool = "erp.transfer.create"
[[rule]]
id = "promises"
effect = "allow"
agent = "*"
tool = "erp.order.promise"
)";

} // namespace crossdock::test
