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
using trade::source;

/// Stands in a summary for the confidence, which is known only later.
constexpr char sure_mark = '\x01';

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
    for (const auto& s : f_.stock->answer.at("sites"))
      consider_sender(s.at("site").get<std::string>());
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

  void add(draft d) {
    d.data.age_hours = oldest_hours();
    d.data.tau_hours = c_.fact_tau_hours;
    d.data.missing_master_data = d.data.missing_master_data || missing_master_data_;
    d.data.unit_mismatch = d.data.unit_mismatch || unit_mismatch_;
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

  static double rounded(double p) { return std::round(p * 1e4) / 1e4; }

  json basis(const planning::confidence& sure, const experience* from) const {
    json b{{"model", sure.basis.model},
           {"n_samples", sure.basis.n_samples},
           {"calibrated", rounded(sure.calibrated)},
           {"data_quality", rounded(sure.data.product)},
           {"capped", sure.capped},
           {"history_as_of", learnt_.as_of}};
    if (sure.basis.bin_hit_rate) {
      b["bin"] = {rounded(sure.basis.bin_lower), rounded(sure.basis.bin_upper)};
      b["bin_samples"] = sure.basis.bin_samples;
      b["bin_hit_rate"] = rounded(*sure.basis.bin_hit_rate);
    }
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
    double reorder_point = 0;
    std::string reason;
  };

  /// What the sender must keep: its reorder point over its own demand and lead time.
  protection to_keep(const demand_summary& d, draft& into) const {
    double lead_time = f_.item ? f_.item->answer.at("lead_time_days").get<int>() : 0;
    if (lead_time <= 0) {
      lead_time = c_.assumed_lead_time_days;
      into.data.missing_master_data = true;
      into.flags.push_back("missing_master_data: lead time");
      into.assumptions.push_back(fmt::format("Lead time taken as {} days.", lead_time));
    }
    if (d.mean <= 0)
      return {0, "no demand there in " + std::to_string(d.days) + " days"};
    const auto ltd = planning::demand_over_lead_time(d.mean, d.variance, lead_time,
                                                     learnt_.receipts.delay_variance());
    if (!ltd)
      return {HUGE_VAL, ltd.error().message};
    const auto rop = planning::reorder_point_for(d.shape, *ltd, c_.service_level);
    if (!rop)
      return {HUGE_VAL, rop.error().message};
    return {std::max(0.0, rop->reorder_point), rop->reason};
  }

  void consider_sender(const std::string& from) {
    if (from == site_)
      return;
    std::size_t row = 0;
    const auto& at = *stock_row(*f_.stock, from, &row);
    const double available = quantity_of(at.at("available"));
    const auto* way = net_.find(from, site_);
    const auto* sender = net_.find(from);
    const auto* receiver = net_.find(site_);
    if (available <= 0) {
      none_.push_back(from + " has nothing available.");
    } else if (!way || !sender || !receiver) {
      none_.push_back("There is no lane from " + from + " to " + site_ + ".");
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
    const auto keep = to_keep(*known.demand, d);
    const double unallocated = known.unallocated.value_or(0);
    const double pack = short_ < 1 ? short_ : 1;
    const auto spare = planning::available_to_transfer(available - unallocated,
                                                       keep.reorder_point, pack);
    const double quantity = spare ? std::min(short_, *spare) : 0;
    if (quantity <= 0) {
      none_.push_back(fmt::format(
          "{} has {} available, {} promised to others, and keeps {} ({}).", from,
          quantity_text(available), quantity_text(unallocated),
          std::isfinite(keep.reorder_point) ? quantity_text(keep.reorder_point) : "all",
          keep.reason));
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
    d.evidence = transfer_facts(
        row, available - unallocated - keep.reorder_point - quantity, known, keep, way);
    d.summary = fmt::format("Move {} {} from {}: leaves {}, ready {}, {} sure by {}. {} "
                            "keeps {}, it needs {}.",
                            quantity_text(quantity), unit_, from,
                            planning::format_date(ship), planning::format_date(d.ready),
                            sure_mark, planning::format_date(need_), from,
                            quantity_text(available - quantity),
                            quantity_text(std::ceil(keep.reorder_point)));
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

  bool own_negative() const {
    std::size_t row = 0;
    const auto* at = stock_row(*f_.stock, site_, &row);
    return at && quantity_of(at->at("on_hand")) < 0;
  }

  /// `slack`: what the sender could lose before it had to give less.
  sdk::facts transfer_facts(std::size_t row, double slack, const sender_facts& known,
                            const protection& keep, const trade::lane& way) const {
    const auto& from = way.from;
    // Read again for this site alone, so that the pointer does not depend on the order of
    // the sites.
    const source one{f_.stock->tool,
                     {{"item", item_}, {"site", from}},
                     {{"system", f_.stock->system()},
                      {"as_of", f_.stock->as_of()},
                      {"sites", json::array({f_.stock->answer.at("sites").at(row)})}}};
    sdk::facts all{one.at("/sites/0/available", "available at " + from, unit_)
                       .as_material(sdk::decimal::nearest(std::max(0.0, slack))),
                   one.at("/sites/0/on_hand", "on hand at " + from, unit_),
                   ours("reorder point of " + item_ + " at " + from, keep.reorder_point,
                        unit_, keep.reason)};
    const auto& demand = *known.demand;
    auto per_day = ours("demand per day at " + from, demand.mean, unit_, "");
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
    std::string peer;
    const experience* from;
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
      const bool transfer = l.at("kind") == "transfer";
      out.push_back(
          {i, *promised, quantity_of(l.at("quantity")),
           transfer ? l.value("site_from", "") + ">" + site_ : l.value("supplier", ""),
           transfer ? &learnt_.transfers : &learnt_.receipts});
    }
    std::stable_sort(out.begin(), out.end(), [](const awaited& a, const awaited& b) {
      return a.promised < b.promised;
    });
    return out;
  }

  /// First day by which it has more likely come than not; its promise if history is
  /// silent.
  day_number likely_day(const awaited& a) const {
    for (int days = 0; days <= 120; ++days)
      if (const auto p = a.from->predict(a.peer, a.promised, today_ + days, today_);
          p && p->score >= 0.5)
        return today_ + days;
    return std::max(a.promised, today_);
  }

  /// Adds the option to wait, and says what happens if nothing is done.
  std::string consider_waiting() {
    const auto open = fmt::format("{} {} stay open", quantity_text(short_), unit_);
    if (!f_.supply)
      return open + "; what is on its way is unknown.";
    draft d;
    d.score = 1;
    d.data.samples = SIZE_MAX;
    std::string records;
    for (const auto& a : later_receipts()) {
      if (d.quantity >= short_)
        break;
      const auto p = a.from->predict(a.peer, a.promised, need_, today_);
      if (!p)
        d.flags.push_back("no receipt history as late as this");
      d.score *= p ? p->score : 0;
      d.data.samples = std::min(d.data.samples, p ? p->samples : 0);
      d.from = a.from;
      d.quantity = std::min(short_, d.quantity + a.quantity);
      d.ready = std::max(d.ready, likely_day(a));
      const auto at = "/lines/" + std::to_string(a.row);
      const auto name =
          f_.supply->answer.at("lines").at(a.row).at("line").get<std::string>();
      d.evidence.push_back(f_.supply->at(at + "/quantity", "inbound on " + name, unit_));
      d.evidence.push_back(f_.supply->at(at + "/promised_date", "promised for " + name));
      if (d.id.empty())
        d.id = "wait:" + name;
      records += (records.empty() ? "" : ", ") + name;
    }
    if (d.quantity <= 0) {
      none_.push_back("No later receipt of " + item_ + " is on its way to " + site_ +
                      ".");
      return open + "; nothing is on its way.";
    }
    d.kind = "wait";
    d.item = item_;
    d.site_from = site_;
    if (d.quantity < short_)
      d.flags.push_back("partial: covers " + quantity_text(d.quantity) + " of " +
                        quantity_text(short_) + " " + unit_);
    d.data.negative_on_hand = own_negative();
    d.summary = fmt::format("Wait for {}: likely here {}, {} sure by {}.", records,
                            planning::format_date(d.ready), sure_mark,
                            planning::format_date(need_));
    const auto ready = planning::format_date(d.ready);
    add(std::move(d));
    return fmt::format("{} until {} likely comes on {}; {} needed by {}.", open, records,
                       ready, line_id_, planning::format_date(need_));
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
