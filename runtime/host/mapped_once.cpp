#include "host/plugin_image.hpp"
#include "host/staged_plugin.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

namespace crossdock::host {
namespace {

/// What the loader holds for this process anyway, by hash.
struct mapped_images {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<const plugin_image>> by_hash;
};

mapped_images& all_mapped() {
  static mapped_images images;
  return images;
}

} // namespace

result<std::shared_ptr<const plugin_image>> plugin_image::map(const staged_plugin& from) {
  auto& images = all_mapped();
  const std::lock_guard lock(images.mutex);
  if (const auto it = images.by_hash.find(from.sha256_hex());
      it != images.by_hash.end()) {
    return it->second;
  }
  const int descriptor = ::fcntl(from.descriptor(), F_DUPFD_CLOEXEC, 0);
  if (descriptor < 0) {
    return error(errc::io,
                 std::string("cannot keep the plugin open: ") + std::strerror(errno))
        .at("file", from.file().string());
  }
  auto image = map(descriptor, from.file().string());
  // Never closed, even after a failure: the loader may have the number's path in its
  // list.
  if (image) {
    images.by_hash.emplace(from.sha256_hex(), *image);
  }
  return image;
}

} // namespace crossdock::host
