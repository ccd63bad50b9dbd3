/// The ORDER agent sees which customer order lines cannot be filled by their date from
/// their own site, reports each such shortage once, and says what being late costs.
///
/// Memory: line/ITEM@SITE/LINE the open line as last heard; short/LINE the shortage as
/// last reported; peg/SUPPLY the line that an inbound transfer solves; looking/ITEM@SITE
/// the look under way; seen/ITEM@SITE the newest picture judged; master/... sites and
/// items for a day.

#include "coverage.hpp"
#include "settings.hpp"

#include "trade/evidence.hpp"
#include "trade/network.hpp"
#include "trade/reading.hpp"

#include <crossdock/plugin.hpp>

#include <algorithm>
#include <cmath>

using namespace crossdock::sdk;
using namespace crossdock::order;
namespace trade = crossdock::trade;
namespace planning = crossdock::planning;

namespace {

/// A list in the answer of a read tool, and where it stands there.
struct listing {
  trade::source from;
  std::string member;

  const json& rows() const { return from.answer.at(member); }
  fact at(std::size_t row, const char* field, std::string name, std::string unit) const {
    return from.at("/" + member + "/" + std::to_string(row) + "/" + field,
                   std::move(name), std::move(unit));
  }
};

/// One item at one site, read and ready to be judged.
struct picture {
  position at;
  listing stock, supply, orders;
  const trade::site* site = nullptr;

  std::string as_of() const { return stock.from.as_of(); }
  double pack = 1;
  std::vector<std::string> flags;
};

/// All of an item at a site in one reading, and so of one moment.
constexpr const char* position_tool = "erp.position";

/// The same in parts, for a system of record that does not offer it.
constexpr const char* parts[] = {"erp.item", "erp.stock", "erp.supply",
                                 "erp.open_orders"};

/// How long it is remembered that `position_tool` is not offered.
constexpr std::chrono::minutes position_absent{10};

/// An ERP over a slow line answers a dozen small questions for one reading.
constexpr std::chrono::seconds read_timeout{30};

/// A look that has not ended by then has died with what it waited for.
constexpr std::int64_t look_ns_max = 300'000'000'000;

/// Tries before a read that fails for a passing reason is given up until the next event.
constexpr int attempts_max = 5;

json args_of(const std::string& tool, const json& about) {
  if (tool == "erp.sites")
    return json::object();
  if (tool == "erp.item")
    return {{"item", about.at("item")}};
  return {{"item", about.at("item")}, {"site", about.at("site")}};
}

std::string master_key(const std::string& tool, const json& about) {
  return tool == "erp.sites" ? "master/sites"
                             : "master/item/" + about.at("item").get<std::string>();
}

bool is_master(const std::string& tool) {
  return tool == "erp.sites" || tool == "erp.item";
}

std::string place(const json& about) {
  return about.at("item").get<std::string>() + "@" + about.at("site").get<std::string>();
}

} // namespace

struct order_agent : agent {
  static void declare(handlers<order_agent>& h) {
    h.on("order.line", &order_agent::line_changed);
    h.on("purchase.line", &order_agent::supply_changed);
    h.then("read", &order_agent::read);
    h.then("again", &order_agent::again);
    h.answers("order.impact", &order_agent::impact);
    h.then("impact_line", &order_agent::impact_line);
    h.then("impact_item", &order_agent::impact_item);
  }

  // -- events
  // ------------------------------------------------------------------------------

  void line_changed(step& s, const event& e) {
    const json about{{"item", e["item"]}, {"site", e["site"]}};
    const auto key = "line/" + place(about) + "/" + e.text("line");
    auto memory = s.memory();
    if (e.text("state") == "open") {
      memory.put(key, e.payload());
    } else {
      memory.del(key);
      settle(s, e.text("line"), "The line is " + e.text("state") + ".", e.text("state"));
    }
    look(s, about);
  }

  /// A receipt that slips, shrinks or recovers changes what can be promised to every line
  /// that waits for the item.
  void supply_changed(step& s, const event& e) {
    look(s, {{"item", e["item"]}, {"site", e["site"]}});
  }

  // -- looking
  // -----------------------------------------------------------------------------

  /// Reads an item at a site and judges its lines. What happens to it while it is being
  /// read is seen by one more look afterwards, however much it was: a slow system of
  /// record is not asked the same thing over and over.
  void look(step& s, json about) {
    if (lines_of(s, about).empty())
      return;
    auto memory = s.memory();
    const auto key = "looking/" + place(about);
    if (auto looking = memory.get(key);
        looking && s.now() - looking->at("since_ns").get<std::int64_t>() < look_ns_max) {
      (*looking)["again"] = true;
      memory.put(key, *looking);
      return;
    }
    memory.put(key, {{"since_ns", s.now()}, {"again", false}});
    about["attempt"] = 1;
    about["have"] = json::object();
    read_next(s, about);
  }

  /// A look has ended, well or not.
  void looked(step& s, const json& about) {
    auto memory = s.memory();
    const auto key = "looking/" + place(about);
    const auto looking = memory.get(key);
    memory.del(key);
    if (looking && looking->at("again").get<bool>())
      look(s, {{"item", about.at("item")}, {"site", about.at("site")}});
  }

  /// Sites are remembered for a day. The rest is one reading where it is offered.
  void read_next(step& s, const json& about) {
    const auto known = [&](const std::string& tool) {
      return is_master(tool) ? s.memory().get(master_key(tool, about)).has_value()
                             : about.at("have").contains(tool);
    };
    const auto ask = [&](const std::string& tool) {
      s.call(tool, args_of(tool, about), read_timeout).then("read", about);
    };
    if (!known("erp.sites"))
      return ask("erp.sites");
    if (!in_parts(s, about)) {
      if (!known(position_tool))
        return ask(position_tool);
      judge(s, about);
      return looked(s, about);
    }
    for (const std::string tool : parts)
      if (!known(tool))
        return ask(tool);
    if (about.contains("in_parts")) // and not only for want of this item
      s.memory().put("position_absent", about.at("in_parts"), position_absent);
    judge(s, about);
    looked(s, about);
  }

  static bool in_parts(step& s, const json& about) {
    return about.contains("in_parts") || s.memory().get("position_absent").has_value();
  }

  void read(step& s, const event& answer, const json& saved) {
    const auto tool = answer.topic();
    json about = saved;
    const auto keep = std::chrono::hours{settings::read(s.config()).master_data_hours};
    if (answer.ok() && is_master(tool)) {
      s.memory().put(master_key(tool, about), answer.payload(), keep);
    } else if (answer.ok()) {
      about["have"][tool] = answer.payload();
    } else if (trade::passing(answer.status()) && about.at("attempt") < attempts_max) {
      about["attempt"] = about.at("attempt").get<int>() + 1;
      s.timer(std::chrono::seconds{5}, "again", about);
      return;
    } else if (tool == position_tool) {
      about["in_parts"] = answer.status_text();
    } else if (is_master(tool)) {
      // Judged with stated assumptions; asked for again after a while.
      s.memory().put(master_key(tool, about), {{"refused", answer.status_text()}},
                     std::chrono::minutes{10});
    } else {
      s.error("An item cannot be judged: a read failed.",
              {{"item", about.at("item")},
               {"site", about.at("site")},
               {"tool", tool},
               {"status", answer.status_text()}});
      s.count("order.reads_failed", 1, {{"tool", tool}});
      looked(s, about);
      return;
    }
    read_next(s, about);
  }

  void again(step& s, const event&, const json& saved) { read_next(s, saved); }

  // -- judging
  // -----------------------------------------------------------------------------

  void judge(step& s, const json& about) {
    auto memory = s.memory();
    const auto& have = about.at("have");
    const auto& newest =
        have.at(have.contains(position_tool) ? position_tool : "erp.stock");
    const auto as_of = newest.at("as_of").get<std::string>();
    const auto seen_key = "seen/" + place(about);
    const auto seen = memory.get(seen_key);
    // Reads of several events overlap; an older picture never corrects a newer one.
    if (seen && parse_instant(seen->get<std::string>()) > parse_instant(as_of))
      return;
    memory.put(seen_key, as_of);

    const auto sites_answer = memory.get("master/sites", json{{"refused", "forgotten"}});
    const auto sites = sites_answer.contains("sites") ? trade::network::read(sites_answer)
                                                      : trade::network{};
    const picture p = picture_of(s, about, sites);
    const auto pegs = peg_transfers(s, p, about);
    for (const auto& [key, line] : lines_of(s, about))
      judge_line(s, key, line, p, pegs);
  }

  static listing listing_of(const json& about, const char* part, const char* in_whole,
                            const char* in_part) {
    const auto& have = about.at("have");
    const bool whole = have.contains(position_tool);
    const auto* tool = whole ? position_tool : part;
    return {{tool, args_of(tool, about), have.at(tool)}, whole ? in_whole : in_part};
  }

  picture picture_of(step& s, const json& about, const trade::network& sites) {
    const auto config = settings::read(s.config());
    picture p;
    p.stock = listing_of(about, "erp.stock", "sites", "sites");
    p.supply = listing_of(about, "erp.supply", "supply", "lines");
    p.orders = listing_of(about, "erp.open_orders", "orders", "lines");
    const auto site = about.at("site").get<std::string>();
    p.site = sites.find(site);
    if (!p.site)
      p.flags.push_back("Site " + site +
                        " has no calendar: dates are UTC, Monday to Friday.");
    const auto& item =
        about.at("have").contains(position_tool)
            ? p.stock.from.answer
            : s.memory().get(master_key("erp.item", about), json::object());
    if (item.contains("pack"))
      p.pack = trade::quantity_of(item.at("pack"));
    else
      p.flags.push_back("No master data of the item: a pack is taken as one unit.");

    p.at.today = today(p);
    for (const auto& at : p.stock.rows())
      if (at.at("site") == site) {
        p.at.available += trade::quantity_of(at.at("available"));
        if (trade::quantity_of(at.at("on_hand")) < 0)
          p.flags.push_back("Stock on hand is negative: the record is doubtful.");
      }
    for (const auto& l : p.orders.rows())
      p.at.orders.push_back({l.at("line").get<std::string>(),
                             trade::day_of(l.at("requested_date")).value_or(p.at.today),
                             l.at("entered_at").get<std::string>(),
                             trade::quantity_of(l.at("quantity")),
                             trade::quantity_of(l.at("allocated"))});
    for (const auto& l : p.supply.rows()) {
      if (l.at("site") != site)
        continue;
      auto promised = trade::day_of(l.at("promised_date")).value_or(p.at.today);
      if (promised < p.at.today) {
        promised = p.at.today + config.overdue_receipt_days;
        p.flags.push_back(trade::clipped(
            "Receipt " + l.at("line").get<std::string>() + " is overdue: expected in " +
            std::to_string(config.overdue_receipt_days) + " days."));
      }
      p.at.supply.push_back({l.at("line").get<std::string>(), promised,
                             trade::quantity_of(l.at("quantity"))});
    }
    return p;
  }

  planning::day_number today(const picture& p) const {
    const auto ns = parse_instant(p.as_of());
    return p.site ? p.site->at(ns).day : *planning::parse_date(date_of(ns));
  }

  /// Which line each inbound transfer solves. A transfer of ours (it carries a reference)
  /// that appeared after a shortage was reported belongs to that line: the best match in
  /// quantity, never to a line that needs less. So a solved line is not reported again,
  /// and its units are promised to nobody else.
  std::map<std::string, std::string> peg_transfers(step& s, const picture& p,
                                                   const json& about) {
    auto memory = s.memory();
    std::map<std::string, std::string> pegs;
    std::map<std::string, double> wanted;
    for (const auto& [key, line] : lines_of(s, about))
      if (const auto report = memory.get("short/" + line.at("line").get<std::string>()))
        wanted[line.at("line")] = trade::quantity_of(report->at("short"));
    const auto known = memory.scan("peg/");
    for (const auto& l : p.supply.rows()) {
      if (l.at("kind") != "transfer" || l.value("reference", "").empty())
        continue;
      const auto id = l.at("line").get<std::string>();
      const auto quantity = trade::quantity_of(l.at("quantity"));
      if (const auto peg = memory.get("peg/" + id)) {
        pegs[id] = peg->at("line").get<std::string>();
        continue;
      }
      auto best = wanted.end();
      for (auto it = wanted.begin(); it != wanted.end(); ++it)
        if (it->second >= quantity && (best == wanted.end() || it->second < best->second))
          best = it;
      if (best == wanted.end())
        continue;
      pegs[id] = best->first;
      memory.put("peg/" + id, {{"line", best->first}, {"place", place(about)}});
      wanted.erase(best);
    }
    for (const auto& [key, peg] : known)
      if (peg.at("place") == place(about) && !pegs.count(key.substr(4)))
        memory.del(key); // received or cancelled
    return pegs;
  }

  void judge_line(step& s, const std::string& key, const json& line, const picture& p,
                  const std::map<std::string, std::string>& pegs) {
    const auto config = settings::read(s.config());
    const auto id = line.at("line").get<std::string>();
    auto flags = p.flags;
    const auto due = due_of(line, p, config, flags);
    auto mine = p.at;
    double solved = 0;
    std::erase_if(mine.supply, [&](const inbound& r) {
      const auto peg = pegs.find(r.line);
      if (peg != pegs.end() && peg->second == id)
        solved += r.quantity;
      return peg != pegs.end();
    });
    for (auto& o : mine.orders)
      for (const auto& [transfer, owner] : pegs)
        if (o.line == owner)
          o.allocated += quantity_of_supply(p, transfer);

    auto found = cover(mine, id, due);
    if (!found) {
      s.memory().del(key);
      settle(s, id, "The line is no longer open.", "", solved > 0);
      return;
    }
    const bool mismatch = line.at("unit") != p.stock.from.answer.at("unit");
    if (mismatch) {
      found->missing = found->unserved;
      flags.push_back(trade::clipped(
          "Unit mismatch: ordered in " + line.at("unit").get<std::string>() +
          ", stocked in " + p.stock.from.answer.at("unit").get<std::string>() +
          ". The whole line is shown."));
    }
    const auto missing = decimal::nearest(found->missing, 6);
    if (missing <= decimal{}) {
      settle(s, id,
             solved > 0 ? "An inbound transfer covers it."
                        : "It can be filled by its date.",
             "open", solved > 0);
      return;
    }
    const auto need = need_of(due, p, config, flags);
    if (!repeats(s, id, missing, need, p))
      report(s, line, *found, missing, need, p, flags);
  }

  static planning::working_calendar week_of(const picture& p) {
    return p.site ? p.site->calendar : *planning::working_calendar::make({1, 2, 3, 4, 5});
  }

  static planning::day_number requested_of(const json& line, const picture& p) {
    return trade::day_of(line.at("requested_date")).value_or(p.at.today);
  }

  /// The day on which a line must be covered. One that has passed cannot be met any more:
  /// what the customer was promised since counts, or else the soonest that help can come.
  static planning::day_number due_of(const json& line, const picture& p,
                                     const settings& config,
                                     std::vector<std::string>& flags) {
    const auto requested = requested_of(line, p);
    if (requested >= p.at.today)
      return requested;
    const auto promised = trade::day_of(line.value("promised_date", json{}));
    const bool again = promised && *promised >= p.at.today;
    const auto due = again ? *promised : recovery(p, config);
    flags.push_back(fmt::format(
        "Wanted by {}, which has passed: judged for {}, {}.",
        planning::format_date(requested), planning::format_date(due),
        again ? "which was promised since" : "the soonest that help can come"));
    return due;
  }

  /// The day by which help should come: a shortage of today that today's receipts do not
  /// cover cannot be helped today, since nothing arrives on the day it leaves.
  static planning::day_number need_of(planning::day_number due, const picture& p,
                                      const settings& config,
                                      std::vector<std::string>& flags) {
    if (due > p.at.today)
      return due;
    const auto need = recovery(p, config);
    flags.push_back("Wanted today, too soon for any help: judged for " +
                    planning::format_date(need) + ".");
    return need;
  }

  static planning::day_number recovery(const picture& p, const settings& config) {
    return week_of(p).add(p.at.today, config.recovery_days);
  }

  double quantity_of_supply(const picture& p, const std::string& id) const {
    for (const auto& r : p.at.supply)
      if (r.line == id)
        return r.quantity;
    return 0;
  }

  /// Whether the shortage is the one reported before, within the dead-band.
  bool repeats(step& s, const std::string& id, decimal missing, planning::day_number need,
               const picture& p) {
    const auto before = s.memory().get("short/" + id);
    if (!before)
      return false;
    const auto config = settings::read(s.config());
    const auto was = before->at("short").get<decimal>();
    const auto band = std::max(p.pack, config.quantity_band_share * was.to_double());
    const auto day = trade::day_of(before->at("need_date")).value_or(need);
    return std::abs((missing - was).to_double()) <= band &&
           std::abs(week_of(p).between(day, need)) <= config.date_band_working_days;
  }

  // -- telling
  // -----------------------------------------------------------------------------

  void report(step& s, const json& line, const coverage& c, decimal missing,
              planning::day_number need, const picture& p,
              const std::vector<std::string>& flags) {
    const auto id = line.at("line").get<std::string>();
    const auto& price = line.at("unit_price");
    const auto stake = missing * price.at("amount").get<decimal>();
    json out{{"line", id},
             {"order", line.at("order")},
             {"customer", line.at("customer")},
             {"item", line.at("item")},
             {"site", line.at("site")},
             {"quantity", line.at("quantity")},
             {"short", missing},
             {"unit", line.at("unit")},
             {"unit_price", price},
             {"need_date", planning::format_date(need)},
             {"requested_date", planning::format_date(requested_of(line, p))},
             {"value_at_stake",
              {{"amount", stake.text(2)}, {"currency", price.at("currency")}}},
             {"facts", facts_of(line, c, p)}};
    for (const char* name : {"customer_name", "item_name"})
      if (line.contains(name))
        out[name] = line.at(name);
    if (!flags.empty())
      out["quality_flags"] = std::vector<std::string>(
          flags.begin(), flags.begin() + std::min<std::ptrdiff_t>(32, std::ssize(flags)));
    s.send("order.line_short", out);
    s.memory().put(
        "short/" + id,
        {{"short", missing}, {"need_date", out.at("need_date")}, {"as_of", p.as_of()}});
    s.count("order.lines_short");
  }

  facts facts_of(const json& line, const coverage& c, const picture& p) const {
    const auto unit = line.at("unit").get<std::string>();
    const auto site = line.at("site").get<std::string>();
    facts all;
    const trade::source heard{"", {}, line};
    for (const char* field : {"quantity", "requested_date"}) {
      auto f = heard.at(std::string{"/"} + field,
                        std::string{field} == "quantity" ? "ordered" : "requested date",
                        std::string{field} == "quantity" ? unit : "");
      f.read = fact_source{
          "erp.order_line", {{"line", line.at("line")}}, std::string{"/"} + field};
      all.push_back(f);
    }
    const auto& sites = p.stock.rows();
    for (std::size_t i = 0; i < sites.size(); ++i)
      if (sites[i].at("site") == site) {
        all.push_back(p.stock.at(i, "on_hand", "on hand at " + site, unit));
        all.push_back(p.stock.at(i, "reserved", "reserved at " + site, unit));
        all.push_back(p.stock.at(i, "available", "available at " + site, unit));
      }
    const auto& supply = p.supply.rows();
    for (std::size_t i = 0; i < supply.size() && all.size() < 20; ++i)
      if (supply[i].at("site") == site)
        all.push_back(p.supply.at(i, "quantity",
                                  "inbound, promised " +
                                      supply[i].at("promised_date").get<std::string>(),
                                  unit));
    const auto ours = [&](const char* name, double value) {
      all.push_back(trade::own_fact(
          name, trade::quantity_text(value), unit,
          "order/coverage of " + line.at("line").get<std::string>(), p.as_of()));
    };
    ours("wanted first by other lines", c.earlier);
    ours("inbound by the need date", c.inbound_by_need);
    ours("not covered by the need date", c.missing);
    all.push_back(trade::own_fact(
        "covered on, if supply comes as promised",
        c.covered_on ? planning::format_date(*c.covered_on) : "not within 180 days", "",
        "order/coverage of " + line.at("line").get<std::string>(), p.as_of()));
    return all;
  }

  /// Tells that a shortage reported before is gone; says nothing of a line never
  /// reported. A line that a transfer of ours covers is remembered: if it is cancelled or
  /// shipped later, whoever ordered the transfer must hear of that too.
  void settle(step& s, const std::string& line, const std::string& reason,
              const std::string& state, bool transferred = false) {
    auto memory = s.memory();
    const bool ended = state != "open" && !state.empty();
    if (!memory.get("short/" + line) && !(ended && memory.get("covered/" + line)))
      return;
    json told{{"line", line}, {"reason", reason}};
    if (!state.empty())
      told["state"] = state;
    s.send("order.line_settled", told);
    memory.del("short/" + line);
    if (ended)
      memory.del("covered/" + line);
    else if (transferred)
      memory.put("covered/" + line, true);
    s.count("order.lines_settled");
  }

  /// The open lines heard of for an item at a site, with their memory keys.
  std::vector<std::pair<std::string, json>> lines_of(step& s, const json& about) const {
    auto all = s.memory().scan("line/" + place(about) + "/");
    std::erase_if(all, [&](const auto& row) {
      return row.second.at("item") != about.at("item") ||
             row.second.at("site") != about.at("site");
    });
    return all;
  }

  // -- what being late costs
  // ---------------------------------------------------------------

  void impact(step& s, const event& e) {
    s.call("erp.order_line", {{"line", e["line"]}})
        .then("impact_line", {{"token", s.defer()}, {"question", e.payload()}});
  }

  void impact_line(step& s, const event& answer, const json& saved) {
    const auto token = saved.at("token").get<reply_token>();
    if (!answer.ok()) {
      s.reply(token, outcome::refused,
              {{"reason", "erp.order_line: " + answer.status_text()}});
      return;
    }
    json next = saved;
    next["line"] = answer.payload();
    s.call("erp.item", {{"item", answer["item"]}}).then("impact_item", next);
  }

  void impact_item(step& s, const event& answer, const json& saved) {
    const auto config = settings::read(s.config());
    const trade::source line{
        "erp.order_line", {{"line", saved.at("question").at("line")}}, saved.at("line")};
    const auto& l = line.answer;
    const auto price = l.at("unit_price").at("amount").get<decimal>();
    const auto currency = trade::currency_of(l.at("unit_price"));
    const auto unit = l.at("unit").get<std::string>();
    const auto late =
        saved.at("question").contains("short")
            ? saved.at("question").at("short").get<decimal>()
            : l.at("quantity").get<decimal>() - l.at("allocated").get<decimal>();

    facts evidence{line.at("/unit_price/amount", "unit price", currency),
                   line.at("/quantity", "ordered", unit),
                   line.at("/state", "state of the line")};
    decimal margin;
    std::string margin_word;
    json flags = json::array();
    const bool known = answer.ok() && answer["cost"]["currency"] == currency &&
                       answer["cost"]["amount"].get<decimal>() > decimal{};
    if (known) {
      const trade::source item{"erp.item", {{"item", l.at("item")}}, answer.payload()};
      margin = std::max(decimal{}, price - answer["cost"]["amount"].get<decimal>());
      evidence.push_back(item.at("/cost/amount", "unit cost", currency));
      margin_word = "margin";
    } else {
      margin = price * decimal::nearest(config.assumed_margin_share);
      margin_word = "assumed margin";
      flags.push_back("No cost in the price's currency: margin assumed.");
      evidence.push_back(assumption(s, "assumed_margin_share",
                                    config.assumed_margin_share, line.as_of()));
    }
    evidence.push_back(assumption(s, "lost_sale_probability",
                                  config.lost_sale_probability, line.as_of()));
    const auto lost = late * margin * decimal::nearest(config.lost_sale_probability);
    const auto penalty = late * price * decimal::nearest(config.late_penalty_share);
    const auto cents = [](decimal d) {
      return decimal::nearest(d.to_double(), 2).text(2);
    };
    auto words = fmt::format("{} of such lines are lost, each {} {} of {}",
                             trade::percent(config.lost_sale_probability),
                             cents(late * margin), currency, margin_word);
    if (penalty > decimal{}) {
      evidence.push_back(
          assumption(s, "late_penalty_share", config.late_penalty_share, line.as_of()));
      words += fmt::format(", {} {} are a penalty", cents(penalty), currency);
    }
    decimal handling;
    if (config.late_line_cost && trade::currency_of(*config.late_line_cost) == currency) {
      handling = config.late_line_cost->at("amount").get<decimal>();
      evidence.push_back(trade::own_fact("late_line_cost", handling.text(2), currency,
                                         "config/" + s.component(), line.as_of()));
      words += fmt::format(", a second delivery and calls cost {} {}", handling.text(2),
                           currency);
    } else if (config.late_line_cost) {
      flags.push_back("late_line_cost is in another currency: left out.");
    }
    const auto loss = cents(lost + penalty + handling);
    s.reply(
        saved.at("token").get<reply_token>(), outcome::ok,
        {{"loss_if_late", {{"amount", loss}, {"currency", currency}}},
         {"probability_lost", 1.0},
         {"summary", trade::clipped(fmt::format(
                         "{} {} of {} too late cost {} {} on average: {}.", late.text(),
                         unit, l.at("item").get<std::string>(), loss, currency, words))},
         {"evidence", evidence},
         {"basis",
          {{"model", "assumption"},
           {"formula", "late x (price - cost) x lost_sale_probability + late x price x "
                       "late_penalty_share + late_line_cost"},
           {"quality_flags", flags}}}});
  }

  static fact assumption(const step& s, const char* name, double value,
                         const std::string& as_of) {
    return trade::own_fact(name, value, "share", "config/" + s.component(), as_of);
  }
};

CROSSDOCK_AGENT("order", order_agent)
