#include "flow/rank.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace crossdock::flow {
namespace {

constexpr decimal zero;
constexpr decimal one = decimal::from_units(1);

/// What one option's arithmetic needs.
struct candidate {
  json option;
  json picking;
  std::string id;
  std::string kind;
  std::string ready_date;
  decimal confidence;
  decimal pick = one;
  bool pick_known = true;
  decimal share = one;
  decimal arrives; ///< confidence * pick: what the proposal's confidence says
  decimal works;   ///< arrives * share
  money cost;
  decimal value;
  std::string arithmetic;
  bool baseline = false;
};

std::optional<decimal> probability_of(const json& v) {
  const auto d = decimal_of(v);
  return d && *d >= zero && *d <= one ? d : std::nullopt;
}

/// a / b cut off at the sixth decimal, at most 1. b > 0, a >= 0.
decimal part_of(decimal a, decimal b) {
  if (a >= b) {
    return one;
  }
  const auto wide = static_cast<__int128>(a.micros()) * decimal::scale / b.micros();
  return decimal::from_micros(static_cast<std::int64_t>(wide));
}

/// Probabilities are at most 1, so their products and complements always fit.
decimal product(decimal a, decimal b) {
  return a.times(b).value();
}
decimal complement(decimal p) {
  return one.minus(p).value();
}

/// `d` with `places` decimals (at most 6), rounded half to even: for people, who do not
/// read millionths. What is computed stays exact.
std::string digits(decimal d, int places) {
  std::int64_t unit = 1;
  for (int i = places; i < 6; ++i) {
    unit *= 10;
  }
  auto whole = d.micros() / unit;
  const auto rest = d.micros() % unit;
  const auto twice = (rest < 0 ? -rest : rest) * 2;
  if (twice > unit || (twice == unit && whole % 2 != 0)) {
    whole += d.micros() < 0 ? -1 : 1;
  }
  return decimal::from_micros(whole * unit).str();
}

std::string cents(decimal d) {
  auto text = digits(d, 2);
  const auto dot = text.find('.');
  if (dot == std::string::npos) {
    return text + ".00";
  }
  return text + std::string(3 - (text.size() - dot), '0');
}

json without_floats(const json& v) {
  if (v.is_number_float()) {
    const auto d = decimal_of(v);
    return d ? json(d->str()) : json(v.dump());
  }
  json out = v;
  if (v.is_structured()) {
    for (auto& item : out) {
      item = without_floats(item);
    }
  }
  return out;
}

int permille(decimal p) {
  return static_cast<int>(p.micros() / 1000);
}

class ranking {
public:
  ranking(const rank_step& rule, const scope& s) : rule_(rule), scope_(s) {}

  result<json> run() {
    if (auto r = read(); !r) {
      return std::move(r).error();
    }
    for (const auto& option : options_) {
      consider(option);
    }
    decimal idle;
    for (const auto& c : left_) {
      idle = c.baseline ? std::max(idle, c.works) : idle;
    }
    without_ = product(probability_lost_, complement(idle));
    if (auto r = value_all(); !r) {
      return std::move(r).error();
    }
    return report();
  }

private:
  result<void> read() {
    auto options = fill(rule_.options, scope_);
    auto loss = fill(rule_.loss, scope_);
    auto probability = fill(rule_.probability_lost, scope_);
    auto needed = fill(rule_.needed, scope_);
    for (const auto* r : {&options, &loss, &probability, &needed}) {
      if (!*r) {
        return r->error();
      }
    }
    if (!options->is_array()) {
      return error(errc::schema, "the options to rank are no list")
          .at("field", "options");
    }
    options_ = std::move(*options);
    const auto m = money_of(*loss);
    if (!m || m->amount < zero) {
      return error(errc::schema, "the loss is no amount of 0 or more")
          .at("field", "loss");
    }
    loss_ = *m;
    const auto q = probability_of(*probability);
    if (!q) {
      return error(errc::schema, "a probability is 0 to 1")
          .at("field", "probability_lost");
    }
    probability_lost_ = *q;
    if (!needed->is_null()) {
      needed_ = decimal_of(*needed);
      if (!needed_ || *needed_ <= zero) {
        return error(errc::schema, "the quantity needed is more than 0")
            .at("field", "needed");
      }
    }
    if (rule_.pick) {
      auto answers = fill(rule_.pick->answers, scope_);
      if (!answers) {
        return std::move(answers).error();
      }
      answers_ = answers->is_array() ? std::move(*answers) : json::array();
    }
    return {};
  }

  void drop(const json& option, std::string reason) {
    dropped_.push_back({{"id", text_or(option, "id", "?")},
                        {"kind", text_or(option, "kind")},
                        {"summary", text_or(option, "summary")},
                        {"reason", std::move(reason)}});
  }

  void consider(const json& option) {
    candidate c;
    c.option = option;
    c.id = text_or(option, "id");
    c.kind = text_or(option, "kind");
    c.ready_date = text_or(option, "ready_date", "9999-12-31");
    c.baseline = rule_.baseline.contains(c.kind);
    if (c.id.empty()) {
      return drop(option, "it has no id");
    }
    if (std::any_of(left_.begin(), left_.end(),
                    [&](const auto& o) { return o.id == c.id; })) {
      return drop(option, "another option has the same id");
    }
    const auto confidence = probability_of(option.value("confidence", json()));
    if (!confidence) {
      return drop(option, "its confidence is no number from 0 to 1");
    }
    c.confidence = *confidence;
    const auto cost = money_of(option.value("cost", json()));
    if (!cost || cost->amount < zero) {
      return drop(option, "its cost is no amount of 0 or more");
    }
    if (cost->currency != loss_.currency) {
      return drop(option, "its cost is in " + cost->currency + ", the loss in " +
                              loss_.currency + ": they cannot be compared");
    }
    c.cost = *cost;
    if (!c.baseline && text_or(option, "tool").empty()) {
      return drop(option, "no tool carries it out: it needs a person");
    }
    if (needed_) {
      const auto quantity = decimal_of(option.value("quantity", json()));
      if (!quantity || *quantity <= zero) {
        return drop(option, "its quantity is not more than 0");
      }
      c.share = part_of(*quantity, *needed_);
    }
    if (auto reason = pick(c)) {
      return drop(option, std::move(*reason));
    }
    c.arrives = product(c.confidence, c.pick);
    c.works = product(c.arrives, c.share);
    left_.push_back(std::move(c));
  }

  /// The reason why it cannot be picked in time, if it cannot.
  std::optional<std::string> pick(candidate& c) const {
    if (!rule_.pick || !rule_.pick->kinds.contains(c.kind)) {
      return std::nullopt;
    }
    for (const auto& answer : answers_) {
      if (text_or(answer, "id") != c.id) {
        continue;
      }
      if (answer.value("feasible", json()) == false) {
        return "it cannot be picked in time: " +
               text_or(answer, "summary", "no reason given");
      }
      if (const auto p = probability_of(answer.value("probability", json()))) {
        c.pick = *p;
        c.picking = answer;
        return std::nullopt;
      }
    }
    c.pick = rule_.pick->unknown;
    c.pick_known = false;
    return std::nullopt;
  }

  result<void> value_all() {
    std::vector<candidate> worth;
    for (auto& c : left_) {
      // What was on its way anyway still comes: an option is lost only where both fail.
      const auto with =
          product(c.baseline ? probability_lost_ : without_, complement(c.works));
      auto before = without_.times(loss_.amount);
      auto after = with.times(loss_.amount);
      if (!before || !after) {
        return before ? after.error() : before.error();
      }
      // Both lie between 0 and the loss, so only the cost can take it out of range.
      auto value = before->minus(*after).value().minus(c.cost.amount);
      if (!value) {
        return std::move(value).error().at("option", c.id);
      }
      c.value = *value;
      c.arithmetic = arithmetic_of(c, *before, *after);
      if (!c.baseline && c.value < rule_.floor) {
        drop(c.option,
             fmt::format("worth {} {}, less than the {} that are worth the trouble: {}",
                         cents(c.value), loss_.currency, cents(rule_.floor),
                         c.arithmetic));
      } else {
        worth.push_back(std::move(c));
      }
    }
    std::sort(worth.begin(), worth.end(), [](const candidate& a, const candidate& b) {
      return std::tie(b.value, a.ready_date, a.id) <
             std::tie(a.value, b.ready_date, b.id);
    });
    left_ = std::move(worth);
    return {};
  }

  /// The sum as a person would do it again; `before` and `after` are what is lost on
  /// average without the option and with it.
  std::string arithmetic_of(const candidate& c, decimal before, decimal after) const {
    auto works = c.confidence.str() + " here in time";
    if (!c.baseline && rule_.pick && rule_.pick->kinds.contains(c.kind)) {
      works += " × " + c.pick.str() + " picked in time";
      if (!c.pick_known) {
        works += " (not known, assumed)";
      }
    }
    if (c.share < one) {
      works += " × " + digits(c.share, 4) + " of what is missing";
    }
    if (works.find("×") != std::string::npos) {
      works += " = " + digits(c.works, 4);
    }
    if (c.baseline) {
      return fmt::format("{}; this is what the others are compared with", works);
    }
    return fmt::format("{}; {} {} is lost without it, {} with it, {} is what it costs: "
                       "{} − {} − {} = {} {}",
                       works, cents(before), loss_.currency, cents(after),
                       cents(c.cost.amount), cents(before), cents(after),
                       cents(c.cost.amount), cents(c.value), loss_.currency);
  }

  json rank_of(const candidate& c) const {
    json flags = c.option.value("quality_flags", json::array());
    if (!c.pick_known) {
      flags.push_back("pick probability not known, assumed " + c.pick.str());
    }
    return {{"id", c.id},
            {"kind", c.kind},
            {"summary", text_or(c.option, "summary")},
            {"ready_date", c.ready_date},
            {"confidence", c.confidence.str()},
            {"pick_probability", c.pick.str()},
            {"pick_known", c.pick_known},
            {"share", c.share.str()},
            {"probability", c.arrives.str()},
            {"works", c.works.str()},
            {"confidence_permille", permille(c.arrives)},
            {"cost", money_json(c.cost)},
            {"expected_value", money_json({c.value, loss_.currency})},
            {"arithmetic", c.arithmetic},
            {"quality_flags", std::move(flags)}};
  }

  json basis_of(const candidate& c) const {
    json basis{{"confidence", c.confidence.str()},
               {"pick_probability", c.pick.str()},
               {"pick_known", c.pick_known},
               {"share", c.share.str()},
               {"works", c.works.str()},
               {"probability_lost", probability_lost_.str()},
               {"probability_without", without_.str()},
               {"loss", money_json(loss_)},
               {"cost", money_json(c.cost)},
               {"arithmetic", c.arithmetic}};
    if (c.option.contains("basis")) {
      basis["option"] = without_floats(c.option["basis"]);
    }
    if (c.option.contains("assumptions")) {
      basis["assumptions"] = c.option["assumptions"];
    }
    if (c.picking.contains("basis")) {
      basis["picking"] = without_floats(c.picking["basis"]);
    }
    basis["quality_flags"] = rank_of(c)["quality_flags"];
    return basis;
  }

  json alternatives() const {
    json out = json::array();
    for (std::size_t i = 1; i < left_.size() && out.size() < rule_.alternatives; ++i) {
      const auto& c = left_[i];
      // What it is worth less cannot overflow: both lie within the range of amounts here.
      const auto less = left_[0].value.minus(c.value);
      out.push_back(
          {{"id", c.id},
           {"kind", c.kind},
           {"summary", text_or(c.option, "summary")},
           {"expected_value", money_json({c.value, loss_.currency})},
           {"cost", money_json(c.cost)},
           {"confidence_permille", permille(c.arrives)},
           {"ready_date", c.ready_date},
           {"why_not", less && *less > zero
                           ? "worth " + cents(*less) + " " + loss_.currency + " less"
                           : "worth as much, but not earlier"}});
    }
    return out;
  }

  json report() const {
    json out{{"ranked", json::array()},
             {"dropped", dropped_},
             {"alternatives", alternatives()},
             {"loss", money_json(loss_)},
             {"probability_lost", probability_lost_.str()},
             {"probability_without", without_.str()}};
    for (const auto& c : left_) {
      out["ranked"].push_back(rank_of(c));
    }
    if (left_.empty()) {
      out["none_because"] = options_.empty() ? "there is no option"
                                             : "no option is feasible and worth its cost";
    } else {
      out["chosen"] = left_[0].option;
      out["chosen"]["picking"] = left_[0].picking;
      out["chosen"]["rank"] = out["ranked"][0];
      out["basis"] = basis_of(left_[0]);
    }
    return out;
  }

  const rank_step& rule_;
  const scope& scope_;
  json options_;
  json answers_ = json::array();
  money loss_;
  decimal probability_lost_;
  decimal without_;
  std::optional<decimal> needed_;
  std::vector<candidate> left_;
  json dropped_ = json::array();
};

} // namespace

result<json> rank_options(const rank_step& rule, const scope& s) {
  return ranking(rule, s).run();
}

} // namespace crossdock::flow
