#include "base/ids.hpp"

#include <algorithm>

namespace crossdock {

id_source::id_source(std::shared_ptr<const clock> time,
                     std::shared_ptr<random_source> random)
  : clock_(std::move(time)), random_(std::move(random)) {}

std::string id_source::next() {
  static constexpr char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  using wide = unsigned __int128;
  wide value = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                       clock_->now().time_since_epoch())
                       .count();
    const auto ms = std::max(last_ms_, static_cast<std::uint64_t>(std::max<long>(now, 0)));
    if (ms == last_ms_) {
      // Same millisecond, or a clock that went back: the next number keeps the order.
      if (++low_ == 0) {
        ++high_;
      }
    } else {
      last_ms_ = ms;
      low_ = random_->next();
      high_ = random_->next() & 0x7fff; // one bit of room for the carry
    }
    value = (wide{last_ms_ & 0xffffffffffff} << 80) | (wide{high_ & 0xffff} << 64) | low_;
  }
  std::string text(26, '0');
  for (std::size_t i = 26; i-- > 0;) {
    text[i] = alphabet[static_cast<unsigned>(value & 31)];
    value >>= 5;
  }
  return text;
}

} // namespace crossdock
