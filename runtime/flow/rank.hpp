/// Ranks options by expected value. Pure, exact, and written down so that a person can do
/// the arithmetic again.
///
/// With c = the option's confidence (it arrives by the need date), f = the probability
/// that it is picked in time, s = the part of the shortage it covers (at most 1), q =
/// P(loss | late or short), L = the loss:
///   works        w  = c * f * s
///   without      n  = q * (1 - w of the best option that means doing nothing, or 0)
///   with         a  = q * (1 - w)
///   value        EV = n * L - a * L - cost                                   (DOMAIN
///   §1.3)
/// so EV is what acting saves over doing nothing. Each product is rounded half to even at
/// the sixth decimal, s is cut off there.
#pragma once

#include "base/json.hpp"
#include "flow/definition.hpp"

namespace crossdock::flow {

/// {
///   "chosen":   the best option with "picking" (its answer, or null) and "rank" (below),
///   or
///               absent if none is left,
///   "ranked":   [rank], best first,
///   "dropped":  [{id, kind, summary, reason}],
///   "alternatives": [{id, kind, summary, expected_value, cost, confidence_permille,
///               ready_date, why_not}],
///   "basis":    how the confidence of the chosen came about, numbers as text,
///   "loss", "probability_lost", "probability_without", "none_because"
/// }
/// rank = {id, kind, summary, ready_date, confidence, pick_probability, pick_known,
/// probability (c * f), share, works, confidence_permille, cost, expected_value,
/// arithmetic, quality_flags}. Ties: the earlier ready date, then the id. Errors: schema,
/// naming the option and field.
result<json> rank_options(const rank_step& rule, const scope& s);

} // namespace crossdock::flow
