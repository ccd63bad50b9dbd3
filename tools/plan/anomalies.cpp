#include "plan/entry.hpp"
#include "planning/anomaly.hpp"
#include "planning/decomposition.hpp"

#include <cmath>

namespace crossdock::plan {
namespace {

namespace p = planning;

std::vector<field> decomposed(std::vector<field> more) {
  std::vector<field> fields{
      numbers("series"),
      optional(choice("transform", {"none", "log"}, "of the series, before anything"),
               "none"),
      integer("period"),
      optional(choice("s_window", {"periodic"}, "the season is the same in every cycle"),
               "periodic"),
      optional(yes_no("robust", "outliers count less"), true)};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

/// The series as it is to be decomposed.
result<std::vector<double>> prepared(const input& in) {
  auto series = in.list("series");
  if (in.has("inject")) {
    const auto& inject = in.at("inject");
    const auto at = inject.at("index_1based").get<std::size_t>();
    if (at < 1 || at > series.size()) {
      return error(errc::invalid, "inject.index_1based must be a period of the series")
          .at("field", "inject.index_1based");
    }
    series[at - 1] =
        series[at - 1] * inject.value("multiply", 1.0) + inject.value("add", 0.0);
  }
  if (in.text("transform") == "log") {
    for (double& x : series) {
      if (x <= 0) {
        return error(errc::invalid, "series must be greater than 0 for a logarithm")
            .at("field", "series");
      }
      x = std::log(x);
    }
  }
  return series;
}

json by_period(const std::vector<double>& values) {
  json out = json::object();
  for (std::size_t i = 0; i < values.size(); ++i) {
    out[std::to_string(i + 1)] = values[i];
  }
  return out;
}

result<json> decompose(const input& in) {
  const auto series = prepared(in);
  if (!series) {
    return series.error();
  }
  const auto period = in.count("period");
  return answer(
      p::stl_periodic(*series, period, in.yes("robust")), [period](const auto& r) {
        const std::vector<double> season(
            r.seasonal.begin(), r.seasonal.begin() + static_cast<std::ptrdiff_t>(period));
        return json{{"seasonal_1_" + std::to_string(period), season},
                    {"trend_at", by_period(r.trend)},
                    {"remainder_at", by_period(r.remainder)}};
      });
}

result<json> robust_z(const input& in) {
  const auto series = prepared(in);
  if (!series) {
    return series.error();
  }
  return answer(p::stl_robust_z(*series, in.count("period"), in.yes("robust")),
                [&](const auto& r) {
                  json out{{"argmax_abs_z_1based", r.argmax_1based},
                           {"second_largest_abs_z", r.second_largest_abs_z},
                           {"remainder_median", r.remainder_median},
                           {"remainder_mad_raw", r.remainder_mad}};
                  const auto tell = [&](std::size_t at) {
                    out["z_at_" + std::to_string(at)] = r.z[at - 1];
                  };
                  tell(r.argmax_1based);
                  if (in.has("inject")) {
                    tell(in.at("inject").at("index_1based").get<std::size_t>());
                  }
                  return out;
                });
}

} // namespace

std::vector<function> anomaly_functions() {
  return {
      {"stl_periodic_robust", "anomaly",
       "Season, trend and remainder (STL, Cleveland et al. 1990), as R's stl()",
       decomposed({}),
       gives({"seasonal_1_PERIOD: one cycle of the season",
              "trend_at: by period of the series, from \"1\"",
              "remainder_at: by period of the series, from \"1\""}),
       decompose},
      {"stl_robust_z", "anomaly",
       "What stands out once season and trend are gone: modified z of the STL remainder",
       decomposed({optional(
           any("inject",
               object_of({{"index_1based", {{"type", "integer"}, {"minimum", 1}}},
                          {"add?", type("number")},
                          {"multiply?", type("number")}}),
               "a disturbance to try: index_1based, and add or multiply"))}),
       gives({"argmax_abs_z_1based: the period that stands out most",
              "z_at_INDEX: modified z of that one and of the disturbed one",
              "second_largest_abs_z: of the next one",
              "remainder_median: of the remainder",
              "remainder_mad_raw: median absolute deviation, not scaled"}),
       robust_z},
      {"modified_z",
       "anomaly",
       "Modified z scores (Iglewicz & Hoaglin 1993)",
       {numbers("series")},
       gives({"median: of the series", "mad: median absolute deviation, not scaled",
              "modified_z: 0.6745 (x - median) / mad",
              "flagged_1based: those above 3.5"}),
       [](const input& in) {
         return answer(p::modified_z(in.list("series")), [](const auto& r) {
           return json{{"median", r.median},
                       {"mad", r.mad},
                       {"modified_z", r.z},
                       {"flagged_1based", r.flagged_1based}};
         });
       }},
      {"ewma_chart",
       "anomaly",
       "EWMA control chart with exact limits (Montgomery)",
       {numbers("series"), number("target", "unit of the series"),
        number("sigma", "deviation of one observation"), number("lambda", "weight, 0..1"),
        number("L", "width of the limits, in deviations")},
       gives({"z: the smoothed values", "ucl_steady: upper limit after many",
              "lcl_steady: lower limit after many", "ucl_1: upper limit of the first",
              "first_signal_1based: null without one"}),
       [](const input& in) {
         return answer(p::ewma_chart(in.list("series"), in("target"), in("sigma"),
                                     in("lambda"), in("L")),
                       [](const auto& r) {
                         return json{
                             {"z", r.z},
                             {"ucl_steady", r.ucl_steady},
                             {"lcl_steady", r.lcl_steady},
                             {"ucl_1", r.ucl_1},
                             {"first_signal_1based", or_null(r.first_signal_1based)}};
                       });
       }},
      {"cusum_tabular",
       "anomaly",
       "Tabular CUSUM",
       {numbers("series"), number("target", "unit of the series"),
        number("k", "allowance, unit of the series"),
        number("h", "decision limit, unit of the series")},
       gives({"c_plus: drift upwards", "c_minus: drift downwards",
              "first_signal_1based: null without one"}),
       [](const input& in) {
         return answer(
             p::cusum_tabular(in.list("series"), in("target"), in("k"), in("h")),
             [](const auto& r) {
               return json{{"c_plus", r.c_plus},
                           {"c_minus", r.c_minus},
                           {"first_signal_1based", or_null(r.first_signal_1based)}};
             });
       }},
      {"generalized_esd",
       "anomaly",
       "Generalized extreme studentized deviate test (Rosner 1983)",
       {numbers("series"), integer("max_outliers", "as many are tried"),
        number("alpha", "significance, 0..1")},
       gives({"test_statistics: one per suspect", "critical_values: one per suspect",
              "num_outliers: how many there are"}),
       [](const input& in) {
         return answer(
             p::generalized_esd(in.list("series"), in.count("max_outliers"), in("alpha")),
             [](const auto& r) {
               return json{{"test_statistics", r.test_statistics},
                           {"critical_values", r.critical_values},
                           {"num_outliers", r.num_outliers}};
             });
       }},
      {"isolation_forest_c",
       "anomaly",
       "Mean path of an unsuccessful search (Liu, Ting & Zhou 2008)",
       {integer("n", "points in the tree")},
       gives({"c_exact_harmonic: with the exact harmonic number",
              "c_log_approx: with its logarithm"}),
       [](const input& in) {
         return answer(p::isolation_forest_c(in.count("n")), [](const auto& r) {
           return json{{"c_exact_harmonic", r.exact_harmonic},
                       {"c_log_approx", r.log_approx}};
         });
       }},
      {"isolation_forest_score",
       "anomaly",
       "Anomaly score of a mean path length",
       {number("mean_path_length", "splits until the point was alone"),
        integer("subsample", "points in each tree")},
       gives({"score: near 1 is an anomaly, below 0.5 is none"}),
       [](const input& in) {
         return figure(
             p::isolation_forest_score(in("mean_path_length"), in.count("subsample")),
             "score");
       }},
  };
}

} // namespace crossdock::plan
