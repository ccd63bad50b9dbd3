#include "options.hpp"

#include "trade/believable.hpp"

#include <planning/reorder_point.hpp>
#include <planning/supply.hpp>

#include <algorithm>
#include <cmath>

namespace crossdock::replenishment {

namespace {

using trade::percent;
using trade::quantity_of;
using trade::quantity_text;
using trade::rounded;
using trade::source;

/// Stands in a summary for the confidence, which is known only later.
constexpr char sure_mark = '\x01';

/// The fact that policies speak of: units by which a transfer takes its sender below its
/// own reorder point. 0 is the usual case.
constexpr const char* below_reorder_point = "sender left below its reorder point by";

/// How far ahead a receipt is looked for, in days: a season's import order that is late.
constexpr int promise_days_most = 120;

/// An option with what it is worth, for ranking.
struct valued {
  json option;
  double value;
};

const json* stock_row(const source& stock, const std::string& site, std::size_t* at) {
  const auto& rows = stock.answer.at("sites");
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].at("site") == site) {
      *at = i;
      return &rows[i];
    }
  return nullptr;
}

/// Works out one answer. Lives for the length of answer_options().
class planner {
public:
  planner(const case_facts& facts, const lessons& learnt, const settings& config)
      : f_{facts}, learnt_{learnt}, c_{config},
        net_{trade::network::read(facts.sites->answer)}, item_{text("item")},
        site_{text("site")}, unit_{text("unit")}, short_{quantity_of(
                                                      facts.question.at("short"))},
        need_{trade::day_of(facts.question.at("need_date")).value_or(0)},
        today_{today_at(facts, site_)}, line_id_{text("line")} {
    value_the_sale();
  }

  json answer() {
    if (f_.line && f_.line->answer.at("state") != "open")
      return {{"options", json::array()},
              {"none_because",
               json::array({"Line " + line_id_ + " is " +
                            f_.line->answer.at("state").get<std::string>() + "."})}};
    for (const auto& from : other_sites())
      consider_sender(from);
    consider_substitutes();
    const auto nothing = consider_waiting();
    std::stable_sort(options_.begin(), options_.end(),
                     [](const valued& a, const valued& b) { return a.value > b.value; });
    json out{{"options", json::array()}, {"if_nothing_is_done", trade::clipped(nothing)}};
    for (std::size_t i = 0; i < std::min<std::size_t>(options_.size(), 16); ++i)
      out["options"].push_back(options_[i].option);
    for (const auto& r : f_.refusals)
      none_.push_back(r);
    if (!none_.empty()) {
      if (none_.size() > 32)
        none_.resize(32);
      for (auto& n : none_)
        n = trade::clipped(n);
      out["none_because"] = none_;
    }
    return out;
  }

private:
  std::string text(const char* member) const {
    return f_.question.at(member).get<std::string>();
  }

  /// Every site but the one in need: of the network, then any that only stock knows.
  std::vector<std::string> other_sites() const {
    std::vector<std::string> out;
    const auto add = [&](const std::string& id) {
      if (id != site_ && std::find(out.begin(), out.end(), id) == out.end())
        out.push_back(id);
    };
    for (const auto& s : net_.sites())
      add(s.id);
    for (const auto& s : f_.stock->answer.at("sites"))
      add(s.at("site").get<std::string>());
    return out;
  }

  // -- what the sale is worth
  // --------------------------------------------------------------

  /// Margin per unit: price less cost, or an assumed share of the price.
  void value_the_sale() {
    const auto& price = f_.question.at("unit_price");
    currency_ = trade::currency_of(price);
    const bool known = f_.item && trade::amount_of(f_.item->answer.at("cost")) > 0 &&
                       trade::currency_of(f_.item->answer.at("cost")) == currency_;
    if (known) {
      margin_ = std::max(0.0, trade::amount_of(price) -
                                  trade::amount_of(f_.item->answer.at("cost")));
    } else {
      margin_ = trade::amount_of(price) * c_.assumed_margin_share;
      assumptions_.push_back("No cost in " + currency_ + ": margin taken as " +
                             percent(c_.assumed_margin_share) + " of the price.");
      flags_.push_back("missing_master_data: cost");
      missing_master_data_ = true;
    }
    assumptions_.push_back(percent(c_.lost_sale_probability) +
                           " of late sales are lost (lost_sale_probability); benefit is "
                           "what is kept if in time.");
    const auto known_unit = [&](const std::optional<source>& s) {
      return !s || s->answer.at("unit") == unit_;
    };
    unit_mismatch_ = !known_unit(f_.stock) || !known_unit(f_.item);
    if (unit_mismatch_)
      flags_.push_back("unit_mismatch: ordered in " + unit_ + ", stocked in " +
                       f_.stock->answer.at("unit").get<std::string>());
  }

  double benefit(double quantity) const {
    return quantity * margin_ * c_.lost_sale_probability;
  }

  // -- an option
  // ---------------------------------------------------------------------------

  struct draft {
    std::string id, kind, item, site_from;
    double quantity = 0;
    day_number ready = 0;
    double score = 0;
    double cost = 0;
    std::string summary; ///< With sure_mark where the confidence goes.
    sdk::facts evidence;
    std::vector<std::string> flags, assumptions;
    planning::data_facts data;
    const experience* from = nullptr; ///< History behind the score; none: unproven.
    json extra = json::object();
  };

  /// What holds for every option of this question.
  void complete(planning::data_facts& data) const {
    data.age_hours = oldest_hours();
    data.tau_hours = c_.fact_tau_hours;
    data.missing_master_data = data.missing_master_data || missing_master_data_;
    data.unit_mismatch = data.unit_mismatch || unit_mismatch_;
  }

  void add(draft d) {
    complete(d.data);
    static const planning::calibrator unproven;
    const auto sure =
        trade::believable(d.from ? d.from->calibration() : unproven, d.score, d.data);
    if (!sure) {
      none_.push_back(d.id + ": " + sure.error().field + " " + sure.error().message);
      return;
    }
    auto flags = flags_;
    flags.insert(flags.end(), d.flags.begin(), d.flags.end());
    for (const auto& q : sure->data.factors)
      if (q.factor < 0.995) // what rounding hides is not worth a word
        flags.push_back(fmt::format("{}: x{:.2f}", q.flag, q.factor));
    if (sure->basis.n_samples < planning::cap_until_outcomes)
      flags.push_back(fmt::format(
          "unproven: {} of {} outcomes known, confidence at most {:.2f}",
          sure->basis.n_samples, planning::cap_until_outcomes, planning::unproven_cap));
    auto assumptions = assumptions_;
    assumptions.insert(assumptions.end(), d.assumptions.begin(), d.assumptions.end());
    for (auto* texts : {&flags, &assumptions})
      for (auto& t : *texts)
        t = trade::clipped(t);

    const double worth = benefit(d.quantity);
    json option{{"id", d.id},
                {"kind", d.kind},
                {"item", d.item},
                {"site_from", d.site_from},
                {"quantity", quantity_text(d.quantity)},
                {"unit", unit_},
                {"ready_date", planning::format_date(d.ready)},
                {"score", rounded(d.score)},
                {"confidence", rounded(sure->value)},
                {"benefit", trade::money(worth, currency_)},
                {"cost", trade::money(d.cost, currency_)},
                {"summary", trade::clipped(with_confidence(d.summary, sure->value))},
                {"evidence", with_line_facts(std::move(d.evidence))},
                {"basis", basis(*sure, d.from)},
                {"assumptions", assumptions},
                {"quality_flags", flags}};
    option.update(d.extra);
    options_.push_back({std::move(option), sure->value * worth - d.cost});
  }

  static std::string with_confidence(std::string text, double value) {
    const auto at = text.find(sure_mark);
    return at == text.npos ? text : text.replace(at, 1, percent(value));
  }

  json basis(const planning::confidence& sure, const experience* from) const {
    auto b = trade::basis_of(sure);
    b["history_as_of"] = learnt_.as_of;
    if (from && from->measured()) {
      const auto& m = *from->measured();
      b["brier"] = rounded(m.brier);
      b["brier_base_rate"] = rounded(m.brier_base);
      b["ece"] = rounded(m.ece);
      b["n_evaluated"] = m.n;
    }
    if (!learnt_.notes.empty())
      b["notes"] = learnt_.notes;
    return b;
  }

  /// Hours between the newest and the oldest answer used: the ERP's clock is the only
  /// one.
  double oldest_hours() const {
    std::int64_t oldest = 0, newest = 0;
    for (const auto* s : {&f_.line, &f_.item, &f_.stock, &f_.sites, &f_.supply})
      if (*s) {
        const auto at = sdk::parse_instant((*s)->as_of());
        oldest = oldest == 0 ? at : std::min(oldest, at);
        newest = std::max(newest, at);
      }
    return static_cast<double>(newest - oldest) / 3.6e12;
  }

  /// The line itself is material: an order that was changed or cancelled needs no
  /// transfer.
  sdk::facts with_line_facts(sdk::facts all) const {
    if (!f_.line)
      return all;
    all.push_back(f_.line->at("/state", "state of line " + line_id_).as_material());
    all.push_back(f_.line->at("/quantity", "ordered on line " + line_id_, unit_)
                      .as_material(sdk::decimal{}));
    return all;
  }

  sdk::fact ours(std::string name, double value, std::string unit,
                 std::string how) const {
    return trade::own_fact(std::move(name), quantity_text(value), std::move(unit),
                           "replenishment/" + how, f_.stock->as_of());
  }

  // -- transfer
  // ----------------------------------------------------------------------------

  struct protection {
    double units = 0;                 ///< What must stay on the shelf.
    double reorder_point = 0;         ///< Below it the sender itself is thin.
    std::string reason;               ///< A clause: what the kept units are for.
    std::vector<std::size_t> counted; ///< Rows of supply that it is sure to get in time.
  };

  /// What the sender must keep: enough for its own customers until it is refilled.
  protection to_keep(const std::string& from, const demand_summary& d,
                     draft& into) const {
    double lead_time = f_.item ? f_.item->answer.at("lead_time_days").get<int>() : 0;
    if (lead_time <= 0) {
      lead_time = c_.assumed_lead_time_days;
      into.data.missing_master_data = true;
      into.flags.push_back("missing_master_data: lead time");
      into.assumptions.push_back(fmt::format("Lead time taken as {} days.", lead_time));
    }
    if (d.mean <= 0)
      return {0, 0, fmt::format("none was sold there in {} days", d.days), {}};
    protection p;
    const auto variance = learnt_.receipts.delay_variance();
    const auto ltd =
        planning::demand_over_lead_time(d.mean, d.variance, lead_time, variance);
    const auto rop = ltd ? planning::reorder_point_for(d.shape, *ltd, c_.service_level)
                         : planning::outcome<planning::class_reorder_point>{ltd.error()};
    const auto keep = planning::stock_until_refilled(
        d.shape, d.mean, d.variance, lead_time, variance,
        refills_of(from, static_cast<int>(std::ceil(lead_time)), p.counted),
        c_.service_level);
    if (!rop || !keep)
      return {HUGE_VAL, HUGE_VAL, rop ? keep.error().message : rop.error().message, {}};
    p.units = keep->units;
    p.reorder_point = std::max(0.0, rop->reorder_point);
    if (p.units <= 0)
      p.reason = "it is hardly sold there";
    else
      p.reason = fmt::format("{} days of its own sales at {}, {}",
                             std::llround(keep->until_days), percent(c_.service_level),
                             keep->until_days < lead_time ? "until its next receipt"
                             : p.counted.empty()          ? "its lead time"
                                                          : "with what is on its way");
    return p;
  }

  /// What is on its way to the sender, each on the first day by which it is as sure as
  /// the sender's own stock is held to be. What is never so sure is not counted on.
  std::vector<planning::refill> refills_of(const std::string& from, int days_most,
                                           std::vector<std::size_t>& counted) const {
    std::vector<planning::refill> out;
    if (!f_.supply)
      return out;
    const auto& lines = f_.supply->answer.at("lines");
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto promised = trade::day_of(lines[i].at("promised_date"));
      if (lines[i].at("site") != from || !promised)
        continue;
      const auto [history, peer] = learnt_of(lines[i]);
      for (int days = 0; days < days_most; ++days)
        if (const auto p = history->predict(peer, *promised, today_ + days, today_);
            p && p->score >= c_.service_level) {
          out.push_back(
              {static_cast<double>(days), quantity_of(lines[i].at("quantity"))});
          counted.push_back(i);
          break;
        }
    }
    return out;
  }

  /// The history that speaks for a line of supply, and its lane or supplier there.
  std::pair<const experience*, std::string> learnt_of(const json& line) const {
    if (line.at("kind") == "transfer")
      return {&learnt_.transfers,
              line.value("site_from", "") + ">" + line.at("site").get<std::string>()};
    return {&learnt_.receipts, line.value("supplier", "")};
  }

  /// Offers what a site can give, or says why it cannot: no site is passed over in
  /// silence.
  void consider_sender(const std::string& from) {
    std::size_t row = 0;
    const auto* at = stock_row(*f_.stock, from, &row);
    const double available = at ? quantity_of(at->at("available")) : 0;
    const auto* way = net_.find(from, site_);
    const auto* sender = net_.find(from);
    const auto* receiver = net_.find(site_);
    if (!at) {
      none_.push_back(from + " does not stock " + item_ + ".");
    } else if (available <= 0) {
      none_.push_back(from + " has nothing available.");
    } else if (!way || !sender || !receiver) {
      none_.push_back("Nothing goes from " + from + " to " + site_ + ": no lane.");
    } else if (const auto known = f_.senders.find(from); known == f_.senders.end()) {
      none_.push_back(from + " was not looked at: others have more.");
    } else if (!known->second.demand) {
      none_.push_back("Demand at " + from + " is unknown, so is what it must keep.");
    } else {
      offer_transfer(row, available, known->second, *way, *sender, *receiver);
    }
  }

  void offer_transfer(std::size_t row, double available, const sender_facts& known,
                      const trade::lane& way, const trade::site& sender,
                      const trade::site& receiver) {
    const auto& from = sender.id;
    draft d;
    const auto keep = to_keep(from, *known.demand, d);
    const double unallocated = known.unallocated.value_or(0);
    const double free = available - unallocated;
    const double pack = short_ < 1 ? short_ : 1;
    const auto spare = planning::available_to_transfer(free, keep.units, pack);
    const double quantity = spare ? std::min(short_, *spare) : 0;
    const auto why_kept = fmt::format(
        "{} has {} available{} and keeps {} ({})", from, quantity_text(available),
        unallocated > 0 ? fmt::format(", {} of it promised", quantity_text(unallocated))
                        : "",
        std::isfinite(keep.units) ? quantity_text(std::ceil(keep.units)) : "all",
        keep.reason);
    if (quantity <= 0) {
      none_.push_back(why_kept + ".");
      return;
    }
    if (quantity < short_ && ships_complete()) {
      none_.push_back(why_kept + ". The " + quantity_text(quantity) +
                      " left are too few: the customer takes complete deliveries only.");
      return;
    }
    const auto cost = cost_of(way, quantity);
    if (!cost) {
      none_.push_back("The lane from " + from + " is not priced in " + currency_ + ".");
      return;
    }
    const auto ship =
        sender.next_ship_day(sender.at(sdk::parse_instant(f_.stock->as_of())));
    d.ready = trade::arrival_day(ship, way, receiver);
    const auto p = learnt_.transfers.predict(from + ">" + site_, d.ready, need_, today_);
    if (p) {
      d.score = p->score;
      d.data.samples = p->samples;
    } else {
      // Without a single transfer to go by there is the plan and Laplace's rule of
      // succession for 0 of 0; the statistics that remain are those of the sender's
      // demand.
      constexpr double none_in_time = 0, none_seen = 0;
      d.score = d.ready <= need_ ? (none_in_time + 1) / (none_seen + 2) : 0;
      d.data.samples = static_cast<std::size_t>(known.demand->days);
      d.flags.push_back("no transfer history: the score is the plan alone");
    }
    d.from = &learnt_.transfers;
    d.id = "transfer:" + from;
    d.kind = "transfer";
    d.item = item_;
    d.site_from = from;
    d.quantity = quantity;
    d.cost = *cost;
    d.data.negative_on_hand =
        quantity_of(f_.stock->answer.at("sites").at(row).at("on_hand")) < 0 ||
        own_negative();
    if (!known.unallocated)
      d.flags.push_back("open orders of " + from + " unknown");
    for (const auto* s : {&sender, &receiver})
      d.flags.insert(d.flags.end(), s->defects.begin(), s->defects.end());
    if (quantity < short_)
      d.flags.push_back("partial: covers " + quantity_text(quantity) + " of " +
                        quantity_text(short_) + " " + unit_);
    const double left = free - quantity;
    d.evidence = transfer_facts(row, left, known, keep, way);
    d.summary = fmt::format(
        "Move {} {} from {}: leaves {}, here {}, {} sure by {}. {} "
        "is left with {} and keeps {} ({}).",
        quantity_text(quantity), unit_, from, planning::format_date(ship),
        planning::format_date(d.ready), sure_mark, planning::format_date(need_), from,
        quantity_text(left), quantity_text(std::ceil(keep.units)), keep.reason);
    d.extra = {{"pick", {{"site", from}, {"lines", 1}}},
               {"tool", "erp.transfer.create"},
               {"args",
                {{"item", item_},
                 {"from", from},
                 {"to", site_},
                 {"quantity", quantity_text(quantity)},
                 {"unit", unit_},
                 {"need_date", planning::format_date(need_)},
                 {"order_line", line_id_}}},
               {"reversal", "erp.transfer.cancel"}};
    add(std::move(d));
  }

  std::optional<double> cost_of(const trade::lane& way, double quantity) const {
    if (trade::currency_of(way.cost_per_transfer) != currency_ ||
        trade::currency_of(way.cost_per_unit) != currency_)
      return std::nullopt;
    return trade::amount_of(way.cost_per_transfer) +
           quantity * trade::amount_of(way.cost_per_unit);
  }

  /// Whether half of it is worth nothing to the customer.
  bool ships_complete() const {
    return f_.line && f_.line->answer.value("ship_complete", false);
  }

  bool own_negative() const {
    std::size_t row = 0;
    const auto* at = stock_row(*f_.stock, site_, &row);
    return at && quantity_of(at->at("on_hand")) < 0;
  }

  /// `left`: what the sender has then, less what it has promised.
  sdk::facts transfer_facts(std::size_t row, double left, const sender_facts& known,
                            const protection& keep, const trade::lane& way) const {
    const auto& from = way.from;
    // What the sender could lose before it had to give less.
    const double slack = std::max(0.0, left - keep.units);
    // Read again for this site alone, so that the pointer does not depend on the order of
    // the sites.
    const source one{f_.stock->tool,
                     {{"item", item_}, {"site", from}},
                     {{"system", f_.stock->system()},
                      {"as_of", f_.stock->as_of()},
                      {"sites", json::array({f_.stock->answer.at("sites").at(row)})}}};
    sdk::facts all{one.at("/sites/0/available", "available at " + from, unit_)
                       .as_material(sdk::decimal::nearest(slack)),
                   one.at("/sites/0/on_hand", "on hand at " + from, unit_),
                   ours("kept at " + from, std::ceil(keep.units), unit_, keep.reason),
                   ours("reorder point of " + item_ + " at " + from,
                        std::ceil(keep.reorder_point), unit_,
                        "reorder point at " + percent(c_.service_level)),
                   ours(below_reorder_point, std::max(0.0, keep.reorder_point - left),
                        unit_, "reorder point of " + from + " less what is left there")};
    for (const auto i : keep.counted) {
      const auto at = "/lines/" + std::to_string(i);
      all.push_back(f_.supply->at(at + "/quantity", "on its way to " + from, unit_));
    }
    const auto& demand = *known.demand;
    auto per_day =
        ours("demand per day at " + from, std::round(demand.mean * 1e3) / 1e3, unit_, "");
    per_day.system = demand.system;
    per_day.record = trade::clipped(demand.record, trade::record_max);
    per_day.field = "days";
    per_day.as_of = demand.as_of;
    all.push_back(per_day);
    if (known.unallocated)
      all.push_back(ours("promised and not reserved at " + from, *known.unallocated,
                         unit_, "erp.open_orders of " + from));
    const auto& lanes = f_.sites->answer.at("lanes");
    for (std::size_t i = 0; i < lanes.size(); ++i)
      if (lanes[i].at("from") == from && lanes[i].at("to") == site_) {
        const auto at = "/lanes/" + std::to_string(i);
        all.push_back(f_.sites->at(at + "/transit_days", "transit from " + from, "days"));
        all.push_back(f_.sites->at(at + "/cost_per_transfer/amount", "cost per transfer",
                                   currency_));
      }
    if (f_.item) {
      all.push_back(f_.item->at("/lead_time_days", "lead time of " + item_, "days"));
      all.push_back(f_.item->at("/cost/amount", "unit cost", currency_));
    }
    return all;
  }

  // -- substitute
  // --------------------------------------------------------------------------

  void consider_substitutes() {
    for (const auto& [item, stock] : f_.substitutes) {
      std::size_t row = 0;
      const auto* at = stock_row(stock, site_, &row);
      const double available = at ? quantity_of(at->at("available")) : 0;
      if (available < short_) {
        none_.push_back(fmt::format("Substitute {}: {} available at {}.", item,
                                    quantity_text(available), site_));
        continue;
      }
      draft d;
      // Mean of the Beta posterior: what is known of how customers take substitutes.
      const double yes = c_.substitutes_accepted, no = c_.substitutes_refused;
      d.score = today_ <= need_ ? (yes + 1) / (yes + no + 2) : 0;
      d.id = "substitute:" + item;
      d.kind = "substitute";
      d.item = item;
      d.site_from = site_;
      d.quantity = short_;
      d.ready = today_;
      d.data.samples = SIZE_MAX; // the posterior mean carries its own sample size
      d.data.negative_on_hand = quantity_of(at->at("on_hand")) < 0;
      d.data.unit_mismatch = stock.answer.at("unit") != unit_;
      d.assumptions = {
          fmt::format("The customer takes it: {} taken and {} refused so far.",
                      c_.substitutes_accepted, c_.substitutes_refused),
          "It is sold at the price of the ordered item."};
      const auto p = "/sites/" + std::to_string(row);
      d.evidence = {stock.at(p + "/available", item + " available at " + site_, unit_)
                        .as_material(sdk::decimal::nearest(available - short_)),
                    stock.at(p + "/on_hand", item + " on hand at " + site_, unit_)};
      d.summary =
          fmt::format("Offer {} {} of {} instead, on the shelf at {}: {} sure that "
                      "it is taken.",
                      quantity_text(short_), unit_, item, site_, sure_mark);
      d.extra = {{"pick", {{"site", site_}, {"lines", 1}}}};
      add(std::move(d));
    }
  }

  // -- wait
  // --------------------------------------------------------------------------------

  struct awaited {
    std::size_t row;
    day_number promised;
    double quantity;
    const experience* from;
    std::string peer;
  };

  /// Receipts that the shortage does not count on: promised after the need date, or
  /// overdue.
  std::vector<awaited> later_receipts() const {
    std::vector<awaited> out;
    const auto& lines = f_.supply->answer.at("lines");
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto& l = lines[i];
      const auto promised = trade::day_of(l.at("promised_date"));
      if (l.at("site") != site_ || !promised ||
          (*promised <= need_ && *promised >= today_))
        continue;
      const auto [history, peer] = learnt_of(l);
      out.push_back({i, *promised, quantity_of(l.at("quantity")), history, peer});
    }
    std::stable_sort(out.begin(), out.end(), [](const awaited& a, const awaited& b) {
      return a.promised < b.promised;
    });
    return out;
  }

  /// P(all of `these` are here by `day`), before calibration; nothing where the history
  /// never saw anything as late. `samples`: the thinnest evidence behind it.
  std::optional<double> here_by(const std::vector<awaited>& these, day_number day,
                                std::size_t* samples = nullptr) const {
    double score = 1;
    for (const auto& a : these) {
      const auto p = a.from->predict(a.peer, a.promised, day, today_);
      if (!p)
        return std::nullopt;
      score *= p->score;
      if (samples)
        *samples = std::min(*samples, p->samples);
    }
    return score;
  }

  /// First working day by which all of them have more likely come than not; the last
  /// promise if history is silent.
  day_number likely_day(const std::vector<awaited>& these) const {
    for (int days = 0; days <= promise_days_most; ++days)
      if (const auto p = here_by(these, today_ + days); p && *p >= 0.5)
        return working_day(today_ + days);
    auto last = today_;
    for (const auto& a : these)
      last = std::max(last, a.promised);
    return working_day(last);
  }

  day_number working_day(day_number day) const {
    const auto* here = net_.find(site_);
    return here ? here->calendar.on_or_after(day) : day;
  }

  /// A date that the customer may be told, and how sure it is.
  struct promise {
    day_number day;
    double score;
    planning::confidence sure;
  };

  /// The earliest working day after the need date by which it is here with
  /// `promise_service`, or with the most that history supports where that is less.
  std::optional<promise> promisable(const std::vector<awaited>& these,
                                    const planning::calibrator& calibration,
                                    const planning::data_facts& data) const {
    std::vector<promise> days;
    double best = 0;
    for (auto day = working_day(std::max(today_, need_ + 1));
         day <= today_ + promise_days_most; day = working_day(day + 1)) {
      const auto score = here_by(these, day);
      const auto sure =
          score ? trade::believable(calibration, *score, data)
                : planning::outcome<planning::confidence>{planning::domain_error{}};
      if (!sure)
        continue;
      days.push_back({day, *score, *sure});
      best = std::max(best, sure->calibrated);
      if (best >= c_.promise_service)
        break;
    }
    for (auto& p : days)
      if (p.sure.calibrated >= best)
        return std::move(p);
    return std::nullopt;
  }

  /// Adds the option to wait, and says what happens if nothing is done.
  std::string consider_waiting() {
    const auto open = fmt::format("{} {} stay open", quantity_text(short_), unit_);
    if (!f_.supply)
      return open + "; what is on its way is unknown.";
    draft d;
    std::vector<awaited> these;
    std::string records;
    for (auto& a : later_receipts()) {
      if (d.quantity >= short_)
        break;
      d.quantity = std::min(short_, d.quantity + a.quantity);
      d.from = a.from;
      const auto at = "/lines/" + std::to_string(a.row);
      const auto name =
          f_.supply->answer.at("lines").at(a.row).at("line").get<std::string>();
      d.evidence.push_back(f_.supply->at(at + "/quantity", "inbound on " + name, unit_));
      d.evidence.push_back(f_.supply->at(at + "/promised_date", "promised for " + name));
      if (d.id.empty())
        d.id = "wait:" + name;
      records += (records.empty() ? "" : ", ") + name;
      these.push_back(std::move(a));
    }
    if (these.empty()) {
      none_.push_back("No later receipt of " + item_ + " is on its way to " + site_ +
                      ".");
      return open + "; nothing is on its way.";
    }
    const bool part = d.quantity < short_;
    if (part && ships_complete()) {
      none_.push_back(fmt::format("{} brings {} of {}: the customer takes complete "
                                  "deliveries only.",
                                  records, quantity_text(d.quantity),
                                  quantity_text(short_)));
      return open + "; what is on its way is too little.";
    }
    d.data.samples = SIZE_MAX;
    const auto score = here_by(these, need_, &d.data.samples);
    d.score = score.value_or(0);
    if (!score) {
      d.data.samples = 0;
      d.flags.push_back("no receipt history as late as this");
    }
    d.kind = "wait";
    d.item = item_;
    d.site_from = site_;
    d.ready = likely_day(these);
    if (part)
      d.flags.push_back("partial: covers " + quantity_text(d.quantity) + " of " +
                        quantity_text(short_) + " " + unit_);
    d.data.negative_on_hand = own_negative();
    const auto ready = planning::format_date(d.ready);
    d.summary = fmt::format("Wait for {}: likely here {}, {} sure by {}.", records, ready,
                            sure_mark, planning::format_date(need_));
    if (!part)
      offer_promise(d, these);
    add(std::move(d));
    return fmt::format("{} until {} likely comes on {}; {} needed by {}.", open, records,
                       ready, line_id_, planning::format_date(need_));
  }

  /// What the customer can be told instead, if waiting is best.
  void offer_promise(draft& d, const std::vector<awaited>& these) const {
    auto data = d.data;
    complete(data);
    const auto p = promisable(these, d.from->calibration(), data);
    if (!p)
      return;
    const auto date = planning::format_date(p->day);
    json out{{"date", date},
             {"confidence", rounded(p->sure.value)},
             {"basis", basis(p->sure, d.from)},
             {"summary", trade::clipped(fmt::format(
                             "{} is the earliest day that can be promised: {} sure, "
                             "going by {} past outcomes.",
                             date, percent(p->sure.value), p->sure.basis.n_samples))}};
    if (f_.line)
      out["previous"] = f_.line->answer.at("promised_date");
    d.extra["promise"] = std::move(out);
  }

  const case_facts& f_;
  const lessons& learnt_;
  const settings& c_;
  trade::network net_;
  std::string item_, site_, unit_;
  double short_;
  day_number need_, today_;
  std::string line_id_;
  std::string currency_;
  double margin_ = 0;
  bool missing_master_data_ = false;
  bool unit_mismatch_ = false;
  std::vector<std::string> flags_, assumptions_;
  std::vector<valued> options_;
  std::vector<std::string> none_;
};

} // namespace

json answer_options(const case_facts& facts, const lessons& learnt,
                    const settings& config) {
  if (!facts.stock || !facts.sites) {
    json out{{"options", json::array()}, {"none_because", json::array()}};
    for (const auto& r : facts.refusals)
      out["none_because"].push_back(trade::clipped(r));
    return out;
  }
  return planner{facts, learnt, config}.answer();
}

} // namespace crossdock::replenishment
