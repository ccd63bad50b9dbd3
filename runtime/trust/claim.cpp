#include "trust/claim.hpp"

#include <algorithm>

namespace crossdock::trust {

std::string claim::comment() const {
  return "id=" + id + " version=" + version + " sha256=" + sha256;
}

result<claim> claim::parse(std::string_view comment) {
  claim out;
  const std::pair<std::string_view, std::string*> wanted[] = {
      {"id=", &out.id}, {"version=", &out.version}, {"sha256=", &out.sha256}};
  while (!comment.empty()) {
    const auto end = std::min(comment.find_first_of(" \t"), comment.size());
    const auto word = comment.substr(0, end);
    comment.remove_prefix(std::min(end + 1, comment.size()));
    for (const auto& [name, value] : wanted) {
      if (!word.starts_with(name)) {
        continue;
      }
      if (!value->empty()) {
        return error(errc::malformed,
                     "the signature's trusted comment says " + std::string(name) + " twice");
      }
      *value = word.substr(name.size());
    }
  }
  for (const auto& [name, value] : wanted) {
    if (value->empty()) {
      return error(errc::malformed,
                   "the signature's trusted comment does not say " + std::string(name) +
                     "...: sign with `crossdock-plugin sign`, or with minisign -t "
                     "\"$(crossdock-plugin comment FILE)\"");
    }
  }
  return out;
}

std::vector<std::string> claim::differences(const claim& file) const {
  std::vector<std::string> out;
  const auto compare = [&](const char* what, const std::string& here, const std::string& there) {
    if (here != there) {
      out.push_back(std::string("it was signed for ") + what + " " + here + ", the file is " +
                    there);
    }
  };
  compare("the plugin", id, file.id);
  compare("version", version, file.version);
  compare("the SHA-256", sha256, file.sha256);
  return out;
}

} // namespace crossdock::trust
