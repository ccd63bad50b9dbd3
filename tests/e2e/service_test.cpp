// systemd's own judgement of the unit.
#include "operations.hpp"
#include "support/skip.hpp"

#include <iostream>

using namespace crossdock;
using namespace crossdock::test;

namespace {

const std::string analyze = "/usr/bin/systemd-analyze";
const std::string unit = std::string(TEST_UNIT_FOLDER) + "/crossdockd@.service";

bool absent() {
  if (std::filesystem::exists(analyze)) {
    return false;
  }
  crossdock::testing::skip("systemd-analyze is not installed (package systemd)");
  return true;
}

} // namespace

TEST_CASE("systemd finds nothing wrong with the unit", "[e2e][service]") {
  if (absent()) {
    return;
  }
  const auto f = run({analyze, "verify", "--man=no", unit});
  INFO(f.text);
  CHECK(f.code == 0);
  // What it says of this machine's other units is not about ours.
  std::istringstream lines(f.text);
  for (std::string line; std::getline(lines, line);) {
    CHECK(line.find("crossdockd") == std::string::npos);
  }
}

TEST_CASE("systemd rates the unit's exposure as low", "[e2e][service]") {
  if (absent()) {
    return;
  }
  // In tenths; 10.0 is a service without any protection.
  const auto f =
      run({analyze, "security", "--offline=true", "--no-pager", "--threshold=20", unit});
  INFO(f.text);
  CHECK(f.code == 0);
  const auto at = f.text.find("Overall exposure level");
  REQUIRE(at != std::string::npos);
  std::cout << f.text.substr(at, f.text.find('\n', at) - at) << std::endl;
}

TEST_CASE("the unit does not start again what starting again cannot mend",
          "[e2e][service]") {
  const auto text = read(unit);
  CHECK(text.find("RestartPreventExitStatus=2 3 5") != std::string::npos);
  CHECK(text.find("PrivateUsers=yes") == std::string::npos); // it would hide who asks
}
