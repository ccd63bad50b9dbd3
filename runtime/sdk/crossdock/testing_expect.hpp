/// What a plugin's test says with: expectations whose failures name what was expected and what
/// came, and a runner for tests without a framework. C++17.
///
///   int main() {
///     return run_tests({{"a busy key is reported", [] { ... expect_equal(...); }}});
///   }
///
/// With a framework of your own (Catch2, GoogleTest): a failure is an exception whose text is
/// the sentence.
#pragma once

#include <functional>
#include <initializer_list>
#include <iostream>
#include <string>

#include <crossdock/json.hpp>

namespace crossdock::sdk::testing {

/// An expectation that does not hold; what() is a text for people, of one or more lines.
class expectation_failed : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Throws expectation_failed that names `what`, the expected and the actual value.
inline void expect_equal(const json& actual, const json& expected, const std::string& what) {
  if (actual != expected)
    throw expectation_failed{what + "\n  expected: " + expected.dump() +
                             "\n  but is:   " + actual.dump()};
}

/// Throws expectation_failed with `what` unless `condition` holds.
inline void expect(bool condition, const std::string& what) {
  if (!condition)
    throw expectation_failed{what};
}

namespace internal {

/// Where `actual` differs from what `expected` mentions; empty if nowhere. Members of objects
/// that `expected` does not mention are not looked at; lists are compared item by item.
inline std::string difference(const json& expected, const json& actual,
                              const std::string& at = {}) {
  const auto told = [&](const std::string& why) {
    return (at.empty() ? std::string{"the payload"} : at) + " " + why;
  };
  if (expected.is_object() && actual.is_object()) {
    for (const auto& [name, value] : expected.items()) {
      const auto found = actual.find(name);
      if (found == actual.end())
        return told("has no member '" + name + "'");
      if (auto deeper = difference(value, *found, at + "/" + name); !deeper.empty())
        return deeper;
    }
    return {};
  }
  if (expected.is_array() && actual.is_array()) {
    if (expected.size() != actual.size())
      return told("has " + std::to_string(actual.size()) + " items instead of " +
                  std::to_string(expected.size()));
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (auto deeper = difference(expected[i], actual[i], at + "/" + std::to_string(i));
          !deeper.empty())
        return deeper;
    return {};
  }
  return expected == actual
             ? std::string{}
             : told("is " + actual.dump() + " instead of " + expected.dump());
}

} // namespace internal

/// One test: its name is the promise, its body throws if the promise is broken.
struct test {
  const char* name;
  std::function<void()> body;
};

/// Runs all tests, tells each, and returns what main() returns: 0 if all passed, 1 otherwise.
inline int run_tests(std::initializer_list<test> tests) {
  std::size_t failed = 0;
  for (const auto& t : tests) {
    std::string why;
    try {
      t.body();
    } catch (const std::exception& e) {
      why = e.what();
      if (why.empty())
        why = "an exception without a text";
    } catch (...) {
      why = "something that is not a std::exception was thrown";
    }
    std::cout << (why.empty() ? "ok      " : "FAILED  ") << t.name << '\n';
    if (!why.empty()) {
      ++failed;
      std::cout << "        ";
      for (const char c : why)
        std::cout << (c == '\n' ? std::string{"\n        "} : std::string(1, c));
      std::cout << '\n';
    }
  }
  std::cout << tests.size() - failed << " passed, " << failed << " failed" << std::endl;
  return failed == 0 && tests.size() != 0 ? 0 : 1;
}

} // namespace crossdock::sdk::testing
