#include "base/error.hpp"

namespace crossdock {

std::string_view to_string(errc code) noexcept {
  switch (code) {
  case errc::invalid: return "invalid";
  case errc::malformed: return "malformed";
  case errc::schema: return "schema";
  case errc::not_found: return "not_found";
  case errc::conflict: return "conflict";
  case errc::denied: return "denied";
  case errc::limit: return "limit";
  case errc::version: return "version";
  case errc::exists: return "exists";
  case errc::unavailable: return "unavailable";
  case errc::timeout: return "timeout";
  case errc::io: return "io";
  case errc::disk_full: return "disk_full";
  case errc::corrupt: return "corrupt";
  case errc::busy: return "busy";
  case errc::cancelled: return "cancelled";
  case errc::plugin: return "plugin";
  case errc::internal: return "internal";
  }
  return "internal";
}

error&& error::at(std::string_view name, std::string value) && {
  context_.emplace_back(name, std::move(value));
  return std::move(*this);
}

error& error::at(std::string_view name, std::string value) & {
  context_.emplace_back(name, std::move(value));
  return *this;
}

std::string error::describe() const {
  std::string text = message_;
  if (context_.empty()) {
    return text;
  }
  text += " (";
  for (std::size_t i = 0; i < context_.size(); ++i) {
    if (i > 0) {
      text += ", ";
    }
    text += context_[i].first + ": " + context_[i].second;
  }
  text += ')';
  return text;
}

} // namespace crossdock
