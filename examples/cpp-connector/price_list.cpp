// A connector in C++: a price list in a file, one JSON object a line, the last line of an item
// counts. Every line carries the idempotency key of the call that wrote it, so a call that comes
// again finds its line and writes nothing: that is what `idempotency = "native"` promises.
#include <crossdock/plugin.hpp>

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

using namespace crossdock::sdk;

namespace {

/// The file, locked against other writers and against another instance while a swap is under way.
class locked_file {
public:
  explicit locked_file(const std::string& path) : path_{path} {
    file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file_ < 0 || ::flock(file_, LOCK_EX) != 0)
      fail("cannot be opened");
  }
  ~locked_file() { ::close(file_); }
  locked_file(const locked_file&) = delete;
  locked_file& operator=(const locked_file&) = delete;

  /// Its whole lines. A last line without its end is a write that a crash cut off.
  std::vector<std::string> lines() {
    std::string all;
    char part[4096];
    ::lseek(file_, 0, SEEK_SET);
    for (ssize_t n = 0; (n = ::read(file_, part, sizeof part)) != 0;) {
      if (n < 0)
        fail("cannot be read");
      all.append(part, static_cast<std::size_t>(n));
    }
    std::vector<std::string> out;
    std::size_t begin = 0;
    for (auto end = all.find('\n'); end != std::string::npos; end = all.find('\n', begin)) {
      out.push_back(all.substr(begin, end - begin));
      begin = end + 1;
    }
    if (begin != all.size() && ::ftruncate(file_, static_cast<off_t>(begin)) != 0)
      fail("cannot be repaired");
    return out;
  }

  /// On the disk when it returns.
  void append(const std::string& line) {
    const auto text = line + "\n";
    if (::write(file_, text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fdatasync(file_) != 0)
      fail("cannot be written");
  }

private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error{path_ + " " + what + ": " + std::strerror(errno)};
  }

  std::string path_;
  int file_ = -1;
};

} // namespace

struct price_list : connector {
  static void declare(handlers<price_list>& h) {
    h.call("example.price", &price_list::read);
    h.call("example.price.append", &price_list::append);
    h.lookup("example.price.append", &price_list::was_appended);
  }

  void configure(const json& config) override { path_ = config.at("list_file"); }

  void read(step& s, const event& e) {
    try {
      locked_file file{path_};
      if (const auto found = last(file, "item", e.text("item")))
        return s.reply(answer(e, *found));
      s.reply(outcome::not_found, {{"message", "no price of " + e.text("item") + " is on the list"}});
    } catch (const std::runtime_error& why) { // nothing was changed: it may be tried again
      s.reply(outcome::transient, {{"message", why.what()}});
    }
  }

  void append(step& s, const event& e) {
    try {
      locked_file file{path_};
      auto line = last(file, "key", e.idempotency_key());
      if (!line) {
        line = entry{count_ + 1, {{"item", e.text("item")}, {"price", e["price"]},
                                  {"key", e.idempotency_key()}}};
        file.append(line->members.dump());
      }
      s.reply(answer(e, *line));
    } catch (const std::runtime_error& why) { // perhaps it is written: it will be looked up
      s.reply(outcome::unknown, {{"message", why.what()}});
    }
  }

  void was_appended(step& s, const event& e) {
    try {
      locked_file file{path_};
      if (const auto line = last(file, "key", e.idempotency_key()))
        return s.reply(answer(e, *line));
      s.reply(outcome::not_found, {{"message", "no line of the list has this key"}});
    } catch (const std::runtime_error& why) {
      s.reply(outcome::unknown, {{"message", why.what()}});
    }
  }

  json probe(std::uint32_t level) override {
    if (level == 0)
      return json::object();
    locked_file file{path_};
    return {{"lines", file.lines().size()}};
  }

private:
  struct entry {
    std::size_t number;
    json members;
  };

  /// The last line whose `member` is `value`.
  std::optional<entry> last(locked_file& file, const char* member, const std::string& value) {
    std::optional<entry> found;
    const auto lines = file.lines();
    count_ = lines.size();
    for (std::size_t i = 0; i < lines.size(); ++i) {
      auto members = json::parse(lines[i], nullptr, false);
      if (members.is_object() && members.value(member, "") == value)
        found = entry{i + 1, std::move(members)};
    }
    return found;
  }
  json answer(const event& e, const entry& line) const {
    return {{"system", "price-list"},
            {"as_of", e.now_text()},
            {"item", line.members.at("item")},
            {"price", line.members.at("price")},
            {"record", "line/" + std::to_string(line.number)}};
  }

  std::string path_;
  std::size_t count_ = 0;
};
CROSSDOCK_CONNECTOR("example.price-list", price_list)
