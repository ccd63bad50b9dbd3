/// A JSON value that is made once and then shared: copies of a case's state cost nothing, and its
/// text is written once.
#pragma once

#include "base/json.hpp"

#include <memory>
#include <mutex>
#include <string>

namespace crossdock::flow {

/// Immutable; may be read from any thread. Null by default.
class shared_json {
public:
  shared_json() : what_(nothing()) {}
  shared_json(json v) : shared_json(std::make_shared<const json>(std::move(v))) {}
  explicit shared_json(std::shared_ptr<const json> v)
      : what_(std::make_shared<const content>(std::move(v))) {}

  const json& operator*() const { return *what_->value; }
  const json* operator->() const { return what_->value.get(); }
  operator const json&() const { return *what_->value; }

  bool is_null() const { return what_->value->is_null(); }
  bool is_object() const { return what_->value->is_object(); }

  /// Compact text, as to_text gives it.
  const std::string& text() const {
    std::call_once(what_->written, [this] { what_->text = to_text(*what_->value); });
    return what_->text;
  }

private:
  struct content {
    explicit content(std::shared_ptr<const json> v) : value(std::move(v)) {}
    std::shared_ptr<const json> value;
    mutable std::once_flag written;
    mutable std::string text;
  };
  static const std::shared_ptr<const content>& nothing() {
    static const auto null = std::make_shared<const content>(std::make_shared<const json>());
    return null;
  }

  std::shared_ptr<const content> what_;
};

} // namespace crossdock::flow
