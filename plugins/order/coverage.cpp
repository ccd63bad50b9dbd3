#include "coverage.hpp"

#include <planning/projection.hpp>

#include <algorithm>
#include <tuple>

namespace crossdock::order {

namespace {

bool comes_first(const open_line& a, const open_line& b) {
  return std::tie(a.requested, a.entered_at, a.line) <
         std::tie(b.requested, b.entered_at, b.line);
}

} // namespace

std::optional<coverage> cover(const position& p, const std::string& line,
                              day_number need) {
  const auto self = std::find_if(p.orders.begin(), p.orders.end(),
                                 [&](const open_line& o) { return o.line == line; });
  if (self == p.orders.end())
    return std::nullopt;

  coverage c;
  c.unserved = self->unserved();
  planning::stock_picture picture;
  picture.today = p.today;
  picture.available = p.available;
  for (const auto& o : p.orders)
    if (o.line != line && comes_first(o, *self) && o.unserved() > 0) {
      c.earlier += o.unserved();
      picture.demands.push_back({std::max(o.requested, p.today), o.unserved()});
    }
  for (const auto& r : p.supply) {
    picture.receipts.push_back({r.line, r.promised, r.quantity, {}});
    if (r.promised <= need)
      c.inbound_by_need += r.quantity;
  }
  if (c.unserved <= 0)
    return c;

  // Lines that come first were wanted no later than this one, so all of them have taken
  // their units from the projection on the need date.
  const int days = std::clamp(need - p.today + 1, 1, planning::projection_days_max);
  const auto projected = planning::project(picture, days);
  const double left = projected ? projected->days.back().available : 0;
  c.missing = std::clamp(c.unserved - left, 0.0, c.unserved);
  const auto promise =
      planning::promise_date_at_service(picture, c.unserved, 1.0, horizon_days);
  if (promise)
    c.covered_on = promise->day;
  return c;
}

} // namespace crossdock::order
