#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sim.hpp"

namespace crossdock::sim {

/// One thing that happens on a played day.
///   order    {"customer","site","lines":[{"item","requested","quantity"} or, for a line
///            planted short, {"item","requested","short","remedy","pack"}]}
///   receipt  {"line"}             what truth_arrival says has come
///   slip     {"line","date"}      the supplier confirms a later date
///   tick     {}                   crews pick and ship, transfers move
///   reorder  {}                   buyers look at this weekday's suppliers
///   close    {}                   the day's pick performance is written
struct planned_step {
  instant at;
  std::string kind;
  nlohmann::json payload;
};

/// The plan of `today`: follows from the demand seed, the world and the stock in `db`. It
/// is stored when the day begins, since by the time of a resume that stock has moved.
std::vector<planned_step> plan_day(database& db, const world& w, day first, day today,
                                   int order_lines_max);

} // namespace crossdock::sim
