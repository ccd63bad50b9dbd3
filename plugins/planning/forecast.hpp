/// Forecasts of a series of equal periods: exponential smoothing and its relatives,
/// Theta, methods for intermittent demand beside croston_family() of demand.hpp, how good
/// a forecast was, and the choice among methods by rolling origin. Series in units per
/// period, oldest first.
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace crossdock::planning {

/// Longest series that is taken.
constexpr std::size_t series_max = 2'000'000;

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

enum class season_kind { additive, multiplicative };

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

// -- how good was it --------------------------------------------------------------------
enum class benchmark_method { naive, seasonal_naive, mean, drift };

struct accuracy {
  double me, rmse, mae, mape, mase; ///< MAPE in percent, NaN where an actual is 0.
};

/// Errors of a benchmark forecast made at `train_end_1based` for the next `h` periods;
/// MASE is scaled by the in-sample (seasonal) naive error (Hyndman & Koehler 2006).
/// Valid: train_end + h within the series, train_end > period. Error "series": constant
/// in sample, so that MASE has no scale.
outcome<accuracy> forecast_accuracy(const std::vector<double>& series,
                                    std::size_t train_end_1based, benchmark_method method,
                                    std::size_t period, std::size_t h);

struct bias_figures {
  double wape;            ///< Sum |e| / sum of actuals.
  double bias;            ///< (Sum of forecasts - sum of actuals) / sum of actuals.
  double tracking_signal; ///< Sum (actual - forecast) / mean |e|; 0 when all are exact.
};

/// Valid: equally long, at least one period, actuals that do not add up to 0.
outcome<bias_figures> bias_metrics(const std::vector<double>& actual,
                                   const std::vector<double>& forecast);

/// Loss of a quantile forecast (Koenker & Bassett 1978). Valid: 0 < quantile < 1.
outcome<double> pinball_loss(double quantile, double actual, double forecast);

/// Root mean squared scaled error of M5; scaling starts with the step to the first
/// non-zero period.
/// Valid: at least two periods from there on, not all equal; equally long actuals and
/// forecasts.
outcome<double> rmsse(const std::vector<double>& insample,
                      const std::vector<double>& actual,
                      const std::vector<double>& forecast);

// -- which method -----------------------------------------------------------------------
struct method_score {
  std::string method;
  double mase;   ///< Mean absolute error of all origins over the naive error in sample.
  double bias;   ///< Sum of errors over sum of actuals.
  std::size_t n; ///< One-step forecasts that were compared.
};

struct selected_forecast {
  std::string method;
  double forecast; ///< Units per period.
  double error_sd; ///< Of its one-step errors, units: what safety stock is made of.
  std::vector<method_score> scores; ///< Best first.
};

/// Chooses by rolling origin: every period of the last `origins` is forecast from what
/// was known before it, by the candidates that suit the demand class (croston, sba, sbj,
/// tsb, adida for intermittent and lumpy items; naive, ses, damped Holt, mean and their
/// median for the others); the least mean absolute error wins, the simpler one of two
/// equals. Valid: quantities >= 0, at least 8 periods, 1 <= origins < length - 4.
outcome<selected_forecast> select_forecast(const std::vector<double>& series,
                                           std::size_t origins = 13);

// -- cleaning ---------------------------------------------------------------------------
struct demand_period {
  double sold = 0;           ///< Units by order date.
  double in_stock_share = 1; ///< Share of the period with stock, 0..1.
  double uplift = 1;         ///< Factor that a promotion is known to have had, > 0.
  bool special = false;      ///< Project orders and drop-ships: no history.
};

struct cleaned_demand {
  std::vector<double> demand;      ///< Units per period.
  std::vector<std::size_t> filled; ///< Periods (from 0) whose value is the fallback.
};

/// What demand would have been: promotions de-tagged, stock-outs unconstrained by
/// sold / in-stock share where at least a quarter of the period had stock; otherwise, and
/// for special periods, the median of the undisturbed ones. Error "periods": none is
/// undisturbed.
outcome<cleaned_demand> clean_demand(const std::vector<demand_period>& periods);

/// History of an item with those of its predecessors, oldest first, `factor` units of the
/// successor for one of the predecessor. Shorter series are aligned at their end.
/// Valid: at least one series, factors > 0.
struct predecessor {
  std::vector<double> series;
  double factor = 1;
};
outcome<std::vector<double>> merge_superseded(const std::vector<double>& series,
                                              const std::vector<predecessor>& before);

} // namespace crossdock::planning
