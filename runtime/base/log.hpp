/// What a log line is about. Lines are written with spdlog as everywhere; who knows the
/// case, its trace or the component says so once, for all lines that its thread writes
/// meanwhile. The node's formatters add them as fields (docs/reference/logging.md).
#pragma once

#include "base/trace.hpp"

#include <string_view>

namespace crossdock::logging {

/// Views: what they name must live as long as the scope.
struct fields {
  std::string_view component = {};
  std::string_view case_id = {};
  std::string_view traceparent = {};
  std::string_view more = {}; ///< a JSON object with a plugin's own fields
};

/// Costs two pointers until a line is written.
class scope {
public:
  explicit scope(const fields& about) noexcept : about_(about), outer_(current_) {
    current_ = this;
  }
  ~scope() { current_ = outer_; }
  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;

  /// What this thread's lines are about; what an inner scope leaves open is the outer's.
  static fields current() noexcept {
    fields out;
    const auto take = [](std::string_view& to, std::string_view from) {
      to = to.empty() ? from : to;
    };
    for (const auto* s = current_; s != nullptr; s = s->outer_) {
      take(out.component, s->about_.component);
      take(out.case_id, s->about_.case_id);
      take(out.traceparent, s->about_.traceparent);
      take(out.more, s->about_.more);
    }
    return out;
  }

private:
  inline static thread_local const scope* current_ = nullptr;
  fields about_;
  const scope* outer_;
};

} // namespace crossdock::logging
