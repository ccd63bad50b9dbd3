/// Scarce stock among those who ask for it, and which items matter most.
#pragma once

#include "planning/outcome.hpp"

#include <map>
#include <string>
#include <vector>

namespace crossdock::planning {

struct stock_request {
  std::string id;
  double quantity = 0; ///< Units, >= 0.
  double priority = 0; ///< Lower comes first.
};

/// Priority first, then the order of the requests: each gets all it asks for until
/// nothing is left. Valid: available >= 0, unique ids.
outcome<std::map<std::string, double>>
allocate_priority(double available, const std::vector<stock_request>& requests);

/// In proportion to the requests and never more than asked. `whole`: whole units by the
/// largest remainder, ties to the earlier request; quantities and available are then
/// rounded down to whole units. Valid: as allocate_priority().
outcome<std::map<std::string, double>>
allocate_fair_share(double available, const std::vector<stock_request>& requests,
                    bool whole);

/// What a request may get or lose, in the words of SAP's backorder processing.
enum class confirmation_rule {
  win,          ///< All of it, on time.
  gain,         ///< What is confirmed, or more.
  redistribute, ///< More or less.
  fill,         ///< What is confirmed, or less.
  lose          ///< Gives up all of it.
};

struct confirmed_request {
  std::string id;
  double quantity = 0;
  double confirmed = 0; ///< Of it, already promised.
  double priority = 0;
  confirmation_rule rule = confirmation_rule::redistribute;
};

struct reallocation {
  std::map<std::string, double> confirmed;
  std::vector<std::string> broken; ///< Requests whose rule could not be kept.
};

/// Winners first, then the floor of those who may not lose, then the rest by priority.
/// Never hands out more than `available`. Valid: numbers >= 0, unique ids.
outcome<reallocation> reallocate(double available,
                                 const std::vector<confirmed_request>& requests);

struct abc {
  std::map<std::string, char> classes;
  std::vector<double> cumulative_share; ///< Highest value first, ending with 1.
};

/// Class A while the cumulative share of value is at most cuts[0], B at most cuts[1],
/// then C. Ties by name. Valid: values >= 0 that do not add up to 0, 0 < cuts[0] <
/// cuts[1] <= 1.
outcome<abc> abc_classes(const std::map<std::string, double>& annual_usage_value,
                         double cut_a = 0.8, double cut_b = 0.95);

} // namespace crossdock::planning
