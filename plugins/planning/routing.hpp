/// Ways: through a warehouse and on the road. Distances in the caller's unit unless a
/// name says km.
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace crossdock::planning {

// -- slotting ---------------------------------------------------------------------------
struct slot_item {
  double cube = 0;  ///< Space that its stock takes, > 0.
  double picks = 0; ///< Per period, > 0.
};

struct slotting {
  std::map<std::string, double> coi;
  std::map<std::string, double> assignment; ///< Item -> distance of its location.
  double expected_travel;                   ///< Per period: picks, there and back.
};

/// Cube-per-order index (Heskett 1963): the lowest index nearest. Best for single-command
/// picking (Kallina & Lynn 1976); without a bound for multi-line tours (Schuur 2015).
/// Valid: at least as many locations as items, distances >= 0.
outcome<slotting> slotting_coi(const std::map<std::string, slot_item>& items,
                               std::vector<double> location_distance);

// -- picking tours ----------------------------------------------------------------------
struct pick_position {
  int aisle = 0;
  double position = 0; ///< From the front of the aisle, 0..aisle_length.
};

/// S-shape tour from the depot at the front of `depot_aisle` and back: every aisle with a
/// pick is walked through, but for the last one of an odd number, which is entered up to
/// its farthest pick and left again. Valid: length > 0, spacing >= 0, positions within.
outcome<double> s_shape_distance(double aisle_length, double aisle_spacing,
                                 const std::vector<pick_position>& picks,
                                 int depot_aisle = 0);

/// Saved by doing `a` and `b` together.
struct pair_saving {
  std::string a, b; ///< In the order of their names.
  double value;
};

struct batching {
  std::vector<pair_saving> savings; ///< Of all pairs, by name.
  std::vector<std::vector<std::string>> batches;
  double total_distance;
};

/// Orders batched by Clarke & Wright savings with savings computed once, C&W(i) (De
/// Koster, Van der Poort & Wolters 1999). A tour is 2 * spacing * farthest aisle +
/// aisle_length * aisles, an odd number of aisles counting one more. Valid: 1..2000
/// orders with at least one aisle >= 0, capacity >= 1.
outcome<batching> savings_batching(const std::map<std::string, std::vector<int>>& orders,
                                   std::size_t capacity_orders, double aisle_length,
                                   double aisle_spacing);

// -- vehicles ---------------------------------------------------------------------------
struct place {
  double x = 0, y = 0;
};

struct vehicle_routes {
  std::vector<pair_saving> savings;             ///< Of all pairs, by name.
  std::vector<std::vector<std::string>> routes; ///< In order of visit.
  double total_distance;
};

/// Clarke & Wright 1964, parallel version, straight-line distances. `depot` names the
/// place where routes begin and end. A route is given in the direction that begins with
/// the smaller name. Valid: 1..2000 customers with a demand of 0..capacity.
outcome<vehicle_routes> clarke_wright_vrp(const std::map<std::string, place>& points,
                                          const std::map<std::string, double>& demand,
                                          double capacity,
                                          const std::string& depot = "0");

/// Great-circle distance in km on a sphere of 6371.0088 km (IUGG mean radius). Degrees;
/// latitudes in -90..90, longitudes in -180..180.
outcome<double> haversine_km(double lat1, double lon1, double lat2, double lon2);

} // namespace crossdock::planning
