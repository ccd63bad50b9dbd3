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
  std::size_t bytes = 0;
};

mapped_images& images_of_this_process() {
  static mapped_images images;
  return images;
}

} // namespace

result<std::shared_ptr<const plugin_image>> plugin_image::map(const staged_plugin& from) {
  auto& images = images_of_this_process();
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
    images.bytes += from.bytes().size();
  }
  return image;
}

plugin_image::mapped plugin_image::all_mapped() {
  auto& images = images_of_this_process();
  const std::lock_guard lock(images.mutex);
  mapped out{images.by_hash.size(), images.bytes, {}};
  for (const auto& [sha256, image] : images.by_hash) {
    out.sha256.insert(sha256);
  }
  return out;
}

} // namespace crossdock::host
