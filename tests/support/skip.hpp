/// A test that cannot run here says so, and ctest counts it as skipped.
#pragma once

#include <iostream>
#include <string_view>

namespace crossdock::testing {

/// Call it and return. The words are what tests/CMakeLists.txt tells ctest to look for.
inline void skip(std::string_view why) {
  std::cout << "\ncrossdock test skipped: " << why << std::endl;
}

} // namespace crossdock::testing
