/// A fixture: what a plugin is told, in order, and what must come of it. docs/reference/
/// plugin-fixture.md has the format.
#pragma once

#include "base/error.hpp"
#include "base/json.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace crossdock::kit {

class whereabouts;

/// What one event led to.
struct happened {
  std::string what;               ///< "message order.line"
  std::string failure;            ///< why the step failed; empty if it is done
  std::vector<std::string> lines; ///< for people
  json effects;                   ///< for programs
};

struct lived {
  std::vector<happened> events;
  json memory;                    ///< as it is at the end
  std::vector<std::string> unmet; ///< expectations that do not hold, each with what came
  std::size_t expectations = 0;
};

/// Reads and checks the form of a fixture. Errors: not_found, io, malformed, invalid,
/// each with the file and the field.
result<json> read_fixture(const std::filesystem::path& file);

/// Lets the plugin file live through the fixture in this process, which its code may end.
/// `at` is told of the event under way. Errors: what the file, its
/// component or its configuration is wrong in.
result<lived> live_through(const std::string& plugin, const json& fixture,
                           whereabouts& at);

/// Lets the file live through the fixture again and again for `seconds`, and times each
/// event's step: [{"event": "message order.line", "steps": n, "us_p50": t, "us_p99": t},
/// ...] with the part of the fake host in it. Errors: as above; plugin, if a step fails.
result<json> time_through(const std::string& plugin, const json& fixture, double seconds,
                          whereabouts& at);

} // namespace crossdock::kit
