/// A node's ledger judged as an auditor would: the database, and an archive made of it.
#pragma once

#include "ledger/archive.hpp"

#include <fstream>
#include <iostream>

namespace crossdock::testing {

/// `ledger::verify` by the key beside it; if it holds, its archive beside it is written
/// (or continued) and judged too, and the findings are told together.
inline result<ledger::verification>
verify_twice(const std::filesystem::path& ledger_folder) {
  auto seen = ledger::verify(ledger_folder, "", {});
  if (!seen || !seen->good() || seen->covered == 0) {
    return seen;
  }
  const auto archive = ledger_folder.parent_path() / "archive-of-test";
  if (auto made = ledger::archive(ledger_folder, archive, {}); !made) {
    return std::move(made).error();
  }
  std::ifstream in(ledger_folder / "ledger.pub");
  std::string key;
  std::getline(in, key);
  auto archived = ledger::verify_archive(archive, key, {}, {});
  if (!archived) {
    return std::move(archived).error();
  }
  for (auto& finding : archived->findings) {
    std::cout << "archive: " << finding << std::endl;
    seen->findings.push_back("archive: " + std::move(finding));
  }
  return seen;
}

} // namespace crossdock::testing
