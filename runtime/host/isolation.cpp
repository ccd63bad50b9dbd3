#include "host/isolation.hpp"

#include <string>

namespace crossdock::host {

std::string_view to_string(executor_kind kind) noexcept {
  switch (kind) {
  case executor_kind::scheduled:
    return "scheduled";
  case executor_kind::thread:
    return "thread";
  case executor_kind::process:
    break;
  }
  return "process";
}

result<executor_kind> executor_from(std::string_view name) {
  for (const auto kind :
       {executor_kind::scheduled, executor_kind::thread, executor_kind::process}) {
    if (name == to_string(kind)) {
      return kind;
    }
  }
  return error(errc::invalid,
               "an executor is \"scheduled\", \"thread\" or \"process\", not \"" +
                   std::string(name) + "\"");
}

result<executor_kind> isolation(const isolation_facts& facts) {
  if (!facts.configured) {
    return facts.runs_in_node && facts.may_run_in_node ? facts.preferred : executor_kind::process;
  }
  if (*facts.configured != executor_kind::process && !facts.may_run_in_node) {
    return error(
        errc::denied,
        "executor = \"" + std::string(to_string(*facts.configured)) +
            "\" would run the file inside the node, which is for files that the operator "
            "allowed there: say \"process\", allow exactly this file with `crossdock plugin "
            "lock`, or give its key isolation = \"in-process\" in the trust file");
  }
  return *facts.configured;
}

} // namespace crossdock::host
