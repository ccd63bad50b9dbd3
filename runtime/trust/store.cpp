#include "trust/store.hpp"

#include "base/digest.hpp"
#include "trust/safe_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace crossdock::trust {
namespace {

namespace fs = std::filesystem;

constexpr const char* journal_name = "journal.jsonl";
constexpr std::size_t journal_bytes_max = 64u << 20; // a line has about 1 KiB
constexpr std::size_t signature_bytes_max = 16u << 10;
constexpr std::size_t signatures_max = 8;

error system_failure(const std::string& what, const fs::path& file) {
  const int e = errno;
  return error(e == ENOSPC || e == EDQUOT  ? errc::disk_full
               : e == EACCES || e == EPERM ? errc::denied
                                           : errc::io,
               what + ": " + std::strerror(e))
    .at("file", file.string());
}

result<void> sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool ok = fd >= 0 && ::fsync(fd) == 0;
  auto failure = ok ? result<void>() : system_failure("cannot make the folder durable", folder);
  if (fd >= 0) {
    ::close(fd);
  }
  return failure;
}

result<std::string> read_journal(int fd, const fs::path& file) {
  struct stat s {};
  if (::fstat(fd, &s) != 0) {
    return system_failure("cannot look at the journal", file);
  }
  if (static_cast<std::size_t>(s.st_size) > journal_bytes_max) {
    return error(errc::limit, "the journal is larger than 64 MiB").at("file", file.string());
  }
  std::string text(static_cast<std::size_t>(s.st_size), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const auto n =
      ::pread(fd, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return system_failure("cannot read the journal", file);
    }
    done += static_cast<std::size_t>(n);
  }
  return text;
}

} // namespace

result<std::vector<named_signature>> signatures_beside(const fs::path& file) {
  std::vector<fs::path> found;
  std::error_code failure;
  const auto folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const auto begin = file.filename().string() + ".";
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    const auto name = entry.path().filename().string();
    if (name == begin + "minisig" ||
        (name.starts_with(begin) && name.ends_with(".minisig") &&
         name.size() > begin.size() + 8)) {
      found.push_back(entry.path());
    }
  }
  if (failure) {
    return error(errc::io, "the folder cannot be read: " + failure.message())
      .at("folder", folder.string());
  }
  if (found.size() > signatures_max) {
    return error(errc::limit, "there are more than 8 signatures").at("file", file.string());
  }
  std::sort(found.begin(), found.end());
  std::vector<named_signature> out;
  for (const auto& path : found) {
    auto text = read_whole_file(path, signature_bytes_max, true);
    if (!text) {
      return std::move(text).error();
    }
    out.push_back({path.filename().string(), *std::move(text)});
  }
  return out;
}

result<store> store::open(const fs::path& folder, use how) {
  store out;
  out.folder_ = folder;
  out.writes_ = how == use::write;
  std::error_code failure;
  if (out.writes_) {
    fs::create_directories(folder / "sha256", failure);
    if (failure) {
      return error(errc::io, "cannot create the plugin store: " + failure.message())
        .at("folder", folder.string());
    }
  } else if (!fs::exists(folder, failure)) {
    return out;
  }
  if (auto r = check_folder(folder); !r) {
    return error(r.error().code(),
                 "the plugin store cannot be trusted: " + r.error().describe());
  }
  const auto file = folder / journal_name;
  out.journal_ = ::open(file.c_str(),
                        (out.writes_ ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW,
                        0640);
  if (out.journal_ < 0) {
    if (!out.writes_ && errno == ENOENT) {
      return out;
    }
    return system_failure("cannot open the journal of the plugin store", file);
  }
  while (::flock(out.journal_, out.writes_ ? LOCK_EX : LOCK_SH) != 0) {
    if (errno != EINTR) {
      return system_failure("cannot lock the journal of the plugin store", file);
    }
  }
  auto text = read_journal(out.journal_, file);
  if (!text) {
    return std::move(text).error();
  }
  // A line without its end was cut off by a crash, before anything could rest on it.
  const auto whole = text->rfind('\n') == text->npos ? 0 : text->rfind('\n') + 1;
  if (out.writes_ && whole != text->size() &&
      ::ftruncate(out.journal_, static_cast<off_t>(whole)) != 0) {
    return system_failure("cannot mend the journal of the plugin store", file);
  }
  std::size_t number = 0;
  for (std::size_t at = 0; at < whole;) {
    const auto end = text->find('\n', at);
    ++number;
    const auto parsed = parse_json(std::string_view(*text).substr(at, end - at));
    auto line = parsed ? staging::from_json(*parsed) : result<staging>(parsed.error());
    if (!line) {
      return error(errc::corrupt, "the journal of the plugin store does not add up; restore it "
                                  "from a backup: " +
                                    line.error().message())
        .at("file", file.string())
        .at("line", std::to_string(number));
    }
    out.history_.add(*std::move(line));
    at = end + 1;
  }
  return out;
}

store::~store() {
  if (journal_ >= 0) {
    ::close(journal_);
  }
}

store::store(store&& other) noexcept
  : folder_(std::move(other.folder_)),
    journal_(std::exchange(other.journal_, -1)),
    writes_(other.writes_),
    history_(std::move(other.history_)) {}

std::vector<staged_file> store::files() const {
  std::vector<staged_file> out;
  std::error_code failure;
  for (const auto& folder : fs::directory_iterator(folder_ / "sha256", failure)) {
    std::error_code inner;
    const auto hash = folder.path().filename().string();
    if (!sha256_from_hex(hash)) {
      continue;
    }
    for (const auto& entry : fs::directory_iterator(folder.path(), inner)) {
      const auto name = entry.path().filename().string();
      if (!name.starts_with(".") && !name.ends_with(".minisig")) {
        out.push_back({entry.path(), hash});
      }
    }
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return out;
}

result<fs::path> store::put(const std::string& name, std::string_view bytes,
                            const std::vector<named_signature>& signatures) {
  const auto hash = to_hex(sha256_of(bytes));
  const auto folder = folder_ / "sha256" / hash;
  const auto target = folder / name;
  if (name.empty() || name.starts_with(".") || name.find('/') != name.npos ||
      name.ends_with(".minisig")) {
    return error(errc::invalid, "\"" + name + "\" is no name for a plugin file");
  }
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) {
    return error(errc::io, "cannot create the folder: " + failure.message())
      .at("folder", folder.string());
  }
  if (!fs::exists(target, failure)) {
    if (auto r = put_file(target, bytes, 0444); !r) {
      return std::move(r).error();
    }
  }
  // What lies there now is what will be mapped.
  auto copy = read_whole_file(target, plugin_bytes_max, false);
  if (!copy) {
    return std::move(copy).error();
  }
  if (*copy != bytes) {
    return error(errc::corrupt, "the stored copy of the plugin does not have its hash: remove "
                                "this file and stage it again")
      .at("file", target.string());
  }
  for (const auto& s : signatures) {
    const auto file = folder / s.file;
    const auto there = read_whole_file(file, signature_bytes_max, false);
    if (there && *there == s.text) {
      continue;
    }
    if (auto r = put_file(file, s.text, 0444); !r) {
      return std::move(r).error();
    }
  }
  if (auto r = sync_folder(folder_ / "sha256"); !r) {
    return std::move(r).error();
  }
  return target;
}

result<void> store::append(staging line) {
  const auto file = folder_ / journal_name;
  if (!writes_ || journal_ < 0) {
    return error(errc::internal, "the plugin store was opened for reading only");
  }
  const auto text = to_text(line.to_json()) + "\n";
  const auto end = ::lseek(journal_, 0, SEEK_END);
  if (end < 0) {
    return system_failure("cannot write the journal of the plugin store", file);
  }
  std::string_view rest(text);
  while (!rest.empty()) {
    const auto n = ::write(journal_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      auto e = system_failure("cannot write the journal of the plugin store", file);
      if (::ftruncate(journal_, end) != 0) {
        e.at("and", "what was written of the line cannot be taken back");
      }
      return e;
    }
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fsync(journal_) != 0) {
    return system_failure("cannot make the journal of the plugin store durable", file);
  }
  if (auto r = sync_folder(folder_); !r) {
    return r;
  }
  history_.add(std::move(line));
  return {};
}

} // namespace crossdock::trust
