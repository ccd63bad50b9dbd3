/// Which exceptions there were, one by one.
#pragma once

#include "assess/history.hpp"

#include <array>

namespace crossdock::assess {

enum class kind {
  short_line,
  late_line,
  overdue_line,
  late_receipt,
  slipped_purchase,
  late_transfer,
  stock_out,
  wrong_lead_time
};
inline constexpr std::array all_kinds{kind::short_line,       kind::late_line,
                                      kind::overdue_line,     kind::late_receipt,
                                      kind::slipped_purchase, kind::late_transfer,
                                      kind::stock_out,        kind::wrong_lead_time};

/// What a kind is, in words. Constant.
struct kind_words {
  const char* id;       ///< in JSON: "short_line"
  const char* title;    ///< "Short order lines"
  const char* rule;     ///< how one is recognised
  const char* duration; ///< what the days count; empty: nothing lasts
  const char* out_of;   ///< "order lines"
  const char* dated;    ///< by which date it is put into a week; empty: by none
  /// Topic whose event would tell the runtime of it; nothing may produce it yet.
  const char* topic;
  /// Raw topic that an agent may turn into one of a flow; empty: there is none.
  const char* through;
};
const kind_words& words_of(kind k);
/// Whether one thing can be at most one exception of this kind. An item runs out again.
inline bool is_share(kind k) {
  return k != kind::stock_out;
}

struct occurrence {
  std::string record;
  day on;          ///< of which week it is
  double days = 0; ///< how long it lasted, or has lasted
  bool open = false;
  bool late = false; ///< short lines: shipped, or still open, after the date asked for
  bool also_short =
      false;              ///< late and overdue lines: counted and priced as short already
  bool elsewhere = false; ///< short lines: another site alone could have helped
  decimal margin;         ///< short and late lines: of what was missing or late
};

struct kind_findings {
  bool judged = false; ///< the tools it needs answered
  std::size_t out_of = 0;
  std::size_t unjudged = 0; ///< of the same sort, and not known enough of to be counted
  std::vector<occurrence> found;
};

struct findings {
  std::map<kind, kind_findings> kinds;
  std::vector<std::string> notes;
};

/// `margin_share` stands in where an item's cost is not recorded.
findings find_exceptions(const history& h, decimal margin_share);

} // namespace crossdock::assess
