/// Forecasts of a series of equal periods: exponential smoothing and its relatives,
/// Theta, methods for intermittent demand beside croston_family() of demand.hpp, how good
/// a forecast was, and the choice among methods by rolling origin. Series in units per
/// period, oldest first.
#pragma once

#include "planning/decomposition.hpp"
#include "planning/outcome.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace crossdock::planning {

/// Longest horizon of a forecast, and longest season of theta(), periods.
constexpr std::size_t horizon_max = 10'000;
constexpr std::size_t season_max = 1'000;

// -- exponential smoothing --------------------------------------------------------------
enum class ses_init {
  first_value, ///< The level starts at the first observation.
  mean         ///< ... at the mean of the series.
};

/// Simple exponential smoothing: the flat forecast. Valid: at least one finite value,
/// 0 < alpha <= 1.
outcome<double> ses(const std::vector<double>& series, double alpha,
                    ses_init init = ses_init::first_value);

struct trend_forecast {
  std::vector<double> forecasts; ///< For the next h periods.
  double level;
  double trend; ///< Units per period.
  double sse;   ///< Sum of squared one-step errors from the start on.
};

/// Holt 1957 with its start values made explicit: the recursion begins at period
/// `start_index_1based` with level0 and trend0. Valid: weights in 0..1, the start within
/// the series, 1 <= h <= 10000.
outcome<trend_forecast> holt_linear(const std::vector<double>& series, double alpha,
                                    double beta, double level0, double trend0,
                                    std::size_t start_index_1based, std::size_t h);

/// Holt-Winters (Winters 1960) as R's HoltWinters() computes it, start values explicit.
/// `season0`: `period` figures for the first season. Valid: as holt_linear(), gamma in
/// 0..1; multiplicative: no level or season of 0 on the way.
outcome<trend_forecast> holt_winters(const std::vector<double>& series, season_kind kind,
                                     double alpha, double beta, double gamma,
                                     double level0, double trend0,
                                     const std::vector<double>& season0,
                                     std::size_t start_index_1based, std::size_t h);

struct ets_fit {
  double alpha;
  double level0;
  double loglik; ///< -n/2 ln SSE, as R's forecast::ets() counts it.
  double sse;
  double aicc; ///< Of three parameters (alpha, level, variance).
  double forecast;
};

/// ETS(A,N,N) by maximum likelihood (Hyndman et al. 2008): alpha in 0.0001..0.9999; the
/// best level for an alpha is exact least squares. Valid: at least 4 finite values.
outcome<ets_fit> ets_ann_fit(const std::vector<double>& series);

struct theta_forecast {
  std::vector<double> forecasts;
  double alpha;
  double drift; ///< Half the least-squares slope, units per period.
  bool seasonal;
};

/// Theta method as SES with drift (Assimakopoulos & Nikolopoulos 2000; Hyndman & Billah
/// 2003), like R's thetaf(): a multiplicative season is taken out when the
/// autocorrelation at `period` is significant at 90 %. Valid: at least 4 values
/// (seasonal: two periods), 1 <= period, 1 <= h <= 10000.
outcome<theta_forecast> theta(const std::vector<double>& series, std::size_t period,
                              std::size_t h);

// -- intermittent demand ----------------------------------------------------------------
enum class tsb_init {
  mean, ///< First demand; probability from the whole series.
  naive ///< First demand; probability of one over the first interval.
};

/// Teunter, Syntetos & Babai 2011: probability and size are smoothed apart, so the
/// forecast falls when demand stops. Period 1 only gives the initial state. Valid:
/// quantities >= 0 with at least one demand, weights strictly inside 0..1.
outcome<double> tsb(const std::vector<double>& series, double alpha_demand,
                    double alpha_probability, tsb_init init = tsb_init::mean);

struct adida_forecast {
  std::vector<double>
      aggregated;  ///< Sums of whole buckets; an incomplete tail is left out.
  double forecast; ///< Units per original period.
};

/// Aggregate, forecast by SES from the first bucket, divide (Nikolopoulos et al. 2011).
/// Valid: 1 <= aggregation_level <= length of the series, 0 < alpha <= 1.
outcome<adida_forecast> adida(const std::vector<double>& series,
                              std::size_t aggregation_level, double alpha);

} // namespace crossdock::planning
