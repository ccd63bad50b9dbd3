#include "plan/entry.hpp"
#include "planning/accuracy.hpp"
#include "planning/demand.hpp"
#include "planning/ets.hpp"
#include "planning/forecast.hpp"

#include <cmath>

namespace crossdock::plan {
namespace {

namespace p = planning;

const char* const next_period = "forecast: units per period, for the next ones";
const char* const horizon = "forecasts: units, for the next periods";

json finite_or_null(double x) {
  return std::isfinite(x) ? json(x) : json(nullptr);
}

json trend(const p::trend_forecast& r) {
  return {
      {"forecasts", r.forecasts}, {"level", r.level}, {"trend", r.trend}, {"sse", r.sse}};
}

const std::initializer_list<const char*> trend_out{
    "forecasts: units, for the next periods", "level: units at the end of the series",
    "trend: units per period", "sse: sum of squared one-step errors"};

result<json> holt_winters(const input& in, p::season_kind kind) {
  const auto season = in.list("season0");
  if (in.count("period") != season.size()) {
    return error(errc::invalid, "season0 must have `period` figures")
        .at("field", "season0");
  }
  return answer(p::holt_winters(in.list("series"), kind, in("alpha"), in("beta"),
                                in("gamma"), in("level0"), in("trend0"), season,
                                in.count("start_index_1based"),
                                in.has("h") ? in.count("h") : season.size()),
                trend);
}

function holt_winters_function(const char* name, const char* about, const char* season,
                               p::season_kind kind) {
  return {name,
          "forecasting",
          about,
          {numbers("series"), integer("period"), number("alpha"), number("beta"),
           number("gamma"), number("level0"), number("trend0"),
           numbers("season0", season), integer("start_index_1based"),
           optional(integer("h", "periods to forecast; none: one season"))},
          gives(trend_out),
          [kind](const input& in) { return holt_winters(in, kind); }};
}

result<json> croston(const input& in) {
  const auto variant = in.text("variant");
  return answer(p::croston_family(in.list("series"),
                                  variant == "sba"   ? p::croston_variant::sba
                                  : variant == "sbj" ? p::croston_variant::sbj
                                                     : p::croston_variant::croston,
                                  in.text("init") == "naive"
                                      ? p::croston_init::naive
                                      : p::croston_init::mean_interval,
                                  in("alpha_demand"), in("alpha_interval")),
                [](const auto& r) {
                  return json{{"forecast", r.forecast},
                              {"demand_level", r.demand_level},
                              {"interval_level", r.interval_level}};
                });
}

result<json> accuracy(const input& in) {
  const auto method = in.text("method");
  return answer(p::forecast_accuracy(in.list("series"), in.count("train_end_1based"),
                                     method == "naive"  ? p::benchmark_method::naive
                                     : method == "mean" ? p::benchmark_method::mean
                                     : method == "drift"
                                         ? p::benchmark_method::drift
                                         : p::benchmark_method::seasonal_naive,
                                     in.count("period"), in.count("h")),
                [](const auto& r) {
                  return json{{"ME", r.me},
                              {"RMSE", r.rmse},
                              {"MAE", r.mae},
                              {"MAPE", finite_or_null(r.mape)},
                              {"MASE", r.mase}};
                });
}

result<json> ets(const input& in) {
  const auto series = in.list("series");
  auto fitted = [&]() -> p::outcome<p::ets_model_fit> {
    if (!in.has("model")) {
      return p::ets_select(series, in.count("period"), in.count("h"));
    }
    const auto form = p::parse_ets_form(in.text("model"));
    return form ? p::ets_fit_form(series, *form, in.count("period"), in.count("h"))
                : p::outcome<p::ets_model_fit>(form.error());
  }();
  return answer(fitted, [](const auto& r) {
    return json{{"model", p::to_string(r.form)},
                {"forecasts", r.forecasts},
                {"alpha", r.alpha},
                {"beta", or_null(r.beta)},
                {"gamma", or_null(r.gamma)},
                {"phi", or_null(r.phi)},
                {"loglik", r.loglik},
                {"aicc", r.aicc},
                {"error_sd", r.error_sd},
                {"states", r.states}};
  });
}

std::vector<function> quality() {
  return {
      {"forecast_accuracy",
       "forecasting",
       "How good a benchmark forecast of a part of the series was",
       {numbers("series"),
        integer("train_end_1based", "last period that the forecast knew"),
        choice("method", {"naive", "seasonal_naive", "mean", "drift"}, "of the forecast"),
        integer("period"), integer("h")},
       gives({"ME: units", "RMSE: units", "MAE: units",
              "MAPE: percent; null where an actual is 0",
              "MASE: MAE / in-sample (seasonal) naive MAE"}),
       accuracy},
      {"bias_metrics",
       "forecasting",
       "Weighted error, bias and tracking signal of a forecast",
       {numbers("actual"), numbers("forecast")},
       gives({"wape: sum |error| / sum of actuals",
              "bias: share of the actuals; above 0: too high",
              "tracking_signal: sum of errors / mean |error|"}),
       [](const input& in) {
         return answer(p::bias_metrics(in.list("actual"), in.list("forecast")),
                       [](const auto& r) {
                         return json{{"wape", r.wape},
                                     {"bias", r.bias},
                                     {"tracking_signal", r.tracking_signal}};
                       });
       }},
      {"pinball_loss",
       "forecasting",
       "Loss of a quantile forecast (Koenker & Bassett 1978)",
       {number("quantile", "0..1, exclusive"), number("actual", "units"),
        number("forecast", "units")},
       gives({"loss: units"}),
       [](const input& in) {
         return figure(p::pinball_loss(in("quantile"), in("actual"), in("forecast")),
                       "loss");
       }},
      {"rmsse",
       "forecasting",
       "Root mean squared scaled error of the M5 competition",
       {numbers("insample", "units per period, oldest first"), numbers("actual"),
        numbers("forecast")},
       gives({"rmsse: 1 is as good as the naive forecast in sample"}),
       [](const input& in) {
         return figure(
             p::rmsse(in.list("insample"), in.list("actual"), in.list("forecast")),
             "rmsse");
       }},
  };
}

std::vector<function> intermittent() {
  return {
      {"demand_class_sbc",
       "forecasting",
       "Demand class by interval and variation (Syntetos, Boylan & Croston 2005)",
       {numbers("series")},
       gives({"adi: mean periods between demands",
              "cv2: squared variation of the demands",
              "class: smooth, erratic, intermittent or lumpy"}),
       [](const input& in) {
         return answer(p::demand_class_sbc(in.list("series")), [](const auto& r) {
           return json{{"adi", r.adi}, {"cv2", r.cv2}, {"class", p::to_string(r.demand)}};
         });
       }},
      {"croston_family",
       "forecasting",
       "Croston's method for intermittent demand and its corrections",
       {numbers("series"),
        choice("variant", {"croston", "sba", "sbj"}, "sba and sbj unbiased"),
        optional(
            choice("init", {"naive", "mean"}, "first interval: as seen, or the mean one"),
            "naive"),
        optional(number("alpha_demand", "smoothing weight of the size, 0..1"), 0.1),
        optional(number("alpha_interval", "smoothing weight of the interval, 0..1"),
                 0.1)},
       gives({next_period, "demand_level: units of a demand",
              "interval_level: periods between"}),
       croston},
      {"tsb",
       "forecasting",
       "Teunter, Syntetos & Babai 2011: falls when demand stops",
       {numbers("series"), number("alpha_demand", "smoothing weight of the size, 0..1"),
        number("alpha_probability", "smoothing weight of the probability, 0..1"),
        optional(choice("init", {"mean", "naive"},
                        "first probability: of the whole series, or "
                        "of the first interval"),
                 "mean")},
       gives({next_period}),
       [](const input& in) {
         return figure(
             p::tsb(in.list("series"), in("alpha_demand"), in("alpha_probability"),
                    in.text("init") == "mean" ? p::tsb_init::mean : p::tsb_init::naive),
             "forecast");
       }},
      {"adida",
       "forecasting",
       "Aggregate, smooth, divide (Nikolopoulos et al. 2011)",
       {numbers("series"), integer("aggregation_level", "periods in a bucket"),
        number("alpha")},
       gives({"aggregated: units per whole bucket", next_period}),
       [](const input& in) {
         return answer(
             p::adida(in.list("series"), in.count("aggregation_level"), in("alpha")),
             [](const auto& r) {
               return json{{"aggregated", r.aggregated}, {"forecast", r.forecast}};
             });
       }},
  };
}

} // namespace

std::vector<function> forecast_functions() {
  std::vector<function> all{
      {"ses",
       "forecasting",
       "Simple exponential smoothing",
       {numbers("series"), number("alpha"),
        optional(choice("init", {"first_value", "mean"}, "first level"), "first_value")},
       gives({next_period}),
       [](const input& in) {
         return figure(p::ses(in.list("series"), in("alpha"),
                              in.text("init") == "mean" ? p::ses_init::mean
                                                        : p::ses_init::first_value),
                       "forecast");
       }},
      {"holt_linear",
       "forecasting",
       "Exponential smoothing with trend (Holt 1957), start values given",
       {numbers("series"), number("alpha"), number("beta"), number("level0"),
        number("trend0"), integer("start_index_1based"),
        optional(integer("h", "periods to forecast"), 3)},
       gives(trend_out),
       [](const input& in) {
         return answer(p::holt_linear(in.list("series"), in("alpha"), in("beta"),
                                      in("level0"), in("trend0"),
                                      in.count("start_index_1based"), in.count("h")),
                       trend);
       }},
      holt_winters_function("holt_winters_additive",
                            "Exponential smoothing with trend and additive season",
                            "units of the first season", p::season_kind::additive),
      holt_winters_function("holt_winters_multiplicative",
                            "Exponential smoothing with trend and multiplicative season",
                            "factors of the first season",
                            p::season_kind::multiplicative),
      {"theta",
       "forecasting",
       "Theta method (Assimakopoulos & Nikolopoulos 2000), as R's thetaf()",
       {numbers("series"), integer("period"), integer("h")},
       gives({horizon, "alpha: smoothing weight that was fitted",
              "drift: units per period"}),
       [](const input& in) {
         return answer(p::theta(in.list("series"), in.count("period"), in.count("h")),
                       [](const auto& r) {
                         return json{{"forecasts", r.forecasts},
                                     {"alpha", r.alpha},
                                     {"drift", r.drift}};
                       });
       }},
      {"ets_ann_fit",
       "forecasting",
       "ETS(A,N,N) by maximum likelihood (Hyndman et al. 2008)",
       {numbers("series")},
       gives({"alpha: smoothing weight", "level0: units before the first period",
              "loglik: log likelihood as R counts it", next_period}),
       [](const input& in) {
         return answer(p::ets_ann_fit(in.list("series")), [](const auto& r) {
           return json{{"alpha", r.alpha},
                       {"level0", r.level0},
                       {"loglik", r.loglik},
                       {"forecast", r.forecast}};
         });
       }},
  };
  all.push_back(
      {"ets",
       "forecasting",
       "Exponential smoothing by maximum likelihood, the form chosen by AICc",
       {numbers("series"), optional(integer("period"), 1), optional(integer("h"), 1),
        optional(text("model", "ANN, MAN, AAdA, MAM, ...; none: the least AICc"))},
       gives({"model: error, trend, season", horizon, "alpha: weight of the level",
              "beta: weight of the trend, or null",
              "gamma: weight of the season, or null", "phi: damping, or null",
              "loglik: log likelihood as R counts it", "aicc: less is better",
              "error_sd: of one-step errors; relative with error M",
              "states: level, trend and season at the start"}),
       ets});
  for (auto part : {intermittent(), quality()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

} // namespace crossdock::plan
