#include "assess/page.hpp"

#include "assess/svg.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace crossdock::assess {
namespace {

constexpr const char* style = R"css(
:root{color-scheme:light;--ink:#1b2733;--soft:#4f5b67;--line:#d5dce2;--bar:#2a6496;
--rail:#e8edf1;--paper:#fff;--back:#f3f5f7;--good:#1d6b3a}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1040px;margin:0 auto;padding:24px 16px 48px}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 4px}
h2{font-size:1.25rem;margin:36px 0 10px}
h3{font-size:1.05rem;margin:0 0 4px}
p{margin:0 0 10px}
.soft{color:var(--soft)}
.small{font-size:.875rem}
.lead{font-size:1.15rem;max-width:46em;margin:14px 0 18px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:12px}
.card,.kind,.sheet{background:var(--paper);border:1px solid var(--line);border-radius:6px}
.card{padding:14px 16px}
.card b{display:block;font-size:1.6rem;line-height:1.25;font-variant-numeric:tabular-nums}
.sheet{padding:4px 14px;overflow-wrap:anywhere}
.kind{padding:16px;margin:0 0 14px;break-inside:avoid}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,320px),1fr));
gap:16px;margin:12px 0}
figure{margin:0}
figcaption{font-size:.875rem;color:var(--soft);margin:0 0 4px}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
th,td{text-align:left;vertical-align:top;padding:8px 10px 8px 0;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--soft);font-weight:600;font-size:.875rem}
th[scope=row]{font-weight:600}
.under{margin-top:8px}
table.glance th:last-child,table.glance td:last-child{padding-left:14px}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tfoot td,tfoot th{font-weight:600}
th.wide{width:50%}
td .bar{width:100%;min-width:80px;height:12px;margin-top:6px}
.plot{width:100%;height:auto;display:block}
.plot text{font-size:11px;fill:var(--soft);font-family:inherit}
.plot .scale{text-anchor:end}
.plot .under,.plot .count{text-anchor:middle}
.plot .count{fill:var(--ink)}
.grid{stroke:var(--rail)}.base{stroke:#8a96a1}
.col{fill:var(--bar)}.rail{fill:var(--rail)}
ul{margin:0;padding:0 0 0 1.2em}li{margin:0 0 6px}
code{font:.875em ui-monospace,"DejaVu Sans Mono",monospace}
.yes{color:var(--good);font-weight:600}
@media (max-width:700px){
table.glance thead{position:absolute;left:-9999px}
table.glance tr{display:block;border-top:1px solid var(--line);padding:8px 0}
table.glance tr:first-child{border-top:0}
table.glance th,table.glance td{display:flex;justify-content:space-between;gap:16px;
border:0;padding:2px 0;white-space:normal}
table.glance th[scope=row]{font-size:1rem}
table.glance td::before{content:attr(data-is);color:var(--soft);flex:none}
table.glance td:empty{display:none}
table.glance td{text-align:right}table.glance td:last-child{padding-left:0}
th.wide{width:35%}
.lead{font-size:1.05rem}h1{font-size:1.4rem}
}
@media print{body{background:#fff}main{max-width:none;padding:0}.kind,.card,.sheet{border-color:#bbb}}
)css";

const char* month_name(unsigned m) {
  constexpr std::array names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return names[(m - 1) % 12];
}

std::string share_text(std::size_t n, std::size_t of) {
  if (of == 0) {
    return "";
  }
  const auto percent = 100.0 * static_cast<double>(n) / static_cast<double>(of);
  return percent > 0 && percent < 0.1 ? "under 0.1 %" : fmt::format("{:.1f} %", percent);
}

/// An estimate is not known to the cent.
std::string whole_money(decimal d, const std::string& currency) {
  const auto units = static_cast<std::size_t>(
      std::max<std::int64_t>(0, (d.micros() + decimal::scale / 2) / decimal::scale));
  return currency.empty() ? grouped(units) : grouped(units) + " " + currency;
}

class page {
public:
  explicit page(const assessment& a) : a_(a) {}

  std::string run() {
    begin();
    cards();
    glance();
    costs();
    kinds();
    assumed();
    list("Quality of the data", a_.notes,
         "Nothing had to be left out and nothing had to be assumed about the records.");
    list("What this cannot see", a_.unseen, "");
    how();
    out_ += "</main></body></html>\n";
    return std::move(out_);
  }

private:
  void add(const std::string& html) { out_ += html; }
  std::string money(decimal d) const {
    return a_.currency.empty() ? grouped(d) : grouped(d) + " " + a_.currency;
  }

  std::string whole(decimal d) const { return whole_money(d, a_.currency); }

  void begin() {
    add("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "style-src 'unsafe-inline'\"><meta name=\"referrer\" content=\"no-referrer\">");
    add(fmt::format("<title>Exceptions in {}</title><style>{}</style></head><body><main>",
                    escaped(a_.system), style));
    add(fmt::format("<h1>Exceptions in {}</h1><p class=\"soft\">{} to {}, read on {} "
                    "of its own clock. Nothing was changed.</p><p class=\"lead\">{}</p>",
                    escaped(a_.system), to_text(a_.since),
                    to_text(a_.until - std::chrono::days(1)),
                    escaped(to_rfc3339(a_.as_of).substr(0, 10)), escaped(headline(a_))));
  }

  void cards() {
    std::size_t all = 0;
    std::size_t open = 0;
    for (const auto& k : a_.kinds) {
      // Late and overdue lines that were short are there already.
      all += k.count - k.also_short;
      open += k.what == kind::wrong_lead_time ? 0
              : k.what == kind::overdue_line  ? k.open - k.also_short
                                              : k.open;
    }
    const auto card = [&](const std::string& big, const std::string& small) {
      add(fmt::format("<div class=\"card\"><b>{}</b>{}</div>", escaped(big),
                      escaped(small)));
    };
    add("<div class=\"cards\">");
    card(grouped(all), "exceptions, each counted once");
    card(grouped(open), "of them still open");
    card(whole(a_.cost), "cost, by the assumptions below");
    card(whole(a_.addressed), "of it in kinds that start a configured flow");
    add("</div>");
  }

  void glance() {
    add("<h2>At a glance</h2><div class=\"sheet\"><table class=\"glance\"><thead><tr>"
        "<th>Kind</th><th class=\"num\">How often</th><th class=\"num\">Share</th>"
        "<th class=\"num\">Half lasted</th><th class=\"num\">9 in 10 lasted</th>"
        "<th class=\"num\">Still open</th><th>Flow</th></tr></thead><tbody>");
    for (const auto& k : a_.kinds) {
      const auto& w = words_of(k.what);
      const bool lasts = *w.duration != '\0' && k.count > 0;
      const auto cell = [&](const char* is, const std::string& text) {
        add(fmt::format("<td class=\"num\" data-is=\"{}\">{}</td>", is, escaped(text)));
      };
      add(fmt::format("<tr><th scope=\"row\">{}</th>", escaped(w.title)));
      cell("How often", k.judged ? grouped(k.count) : "not judged");
      cell("Share", k.judged && is_share(k.what) ? share_text(k.count, k.out_of) : "");
      cell("Half lasted", lasts ? "up to " + days_text(k.lasted.median) : "");
      cell("9 in 10 lasted", lasts ? "up to " + days_text(k.lasted.p90) : "");
      cell("Still open", k.judged ? grouped(k.open) : "");
      add(fmt::format("<td data-is=\"Flow\">{}</td></tr>", flow_cell(k)));
    }
    add("</tbody></table></div><p class=\"soft small under\">Days are calendar days. "
        "Late and "
        "overdue lines may have been short as well.</p>");
  }

  static std::string flow_cell(const kind_summary& k) {
    if (k.flows.empty()) {
      return "<span class=\"soft\">none yet</span>";
    }
    std::string out;
    for (const auto& f : k.flows) {
      out += fmt::format("{}<span class=\"{}\">{}{}</span>", out.empty() ? "" : ", ",
                         f.directly ? "yes" : "soft",
                         f.directly ? "" : "in part: ", escaped(f.flow));
    }
    return out;
  }

  void costs() {
    decimal most;
    std::vector<const kind_summary*> rows;
    for (const auto& k : a_.kinds) {
      if (k.judged) {
        rows.push_back(&k);
        most = std::max(most, k.cost);
      }
    }
    std::stable_sort(rows.begin(), rows.end(),
                     [](const auto* a, const auto* b) { return a->cost > b->cost; });
    add(fmt::format(
        "<h2>What they cost</h2><div class=\"sheet\"><table><thead><tr>"
        "<th>Kind</th><th class=\"wide\"></th><th class=\"num\">{}</th></tr></thead>"
        "<tbody>",
        escaped(a_.currency.empty() ? "Amount" : a_.currency)));
    for (const auto* k : rows) {
      add(fmt::format(
          "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"num\">{}</td></tr>",
          escaped(words_of(k->what).title),
          bar(most > decimal() ? k->cost.to_double() / most.to_double() : 0),
          whole_money(k->cost, "")));
    }
    add(fmt::format("</tbody><tfoot><tr><th scope=\"row\">Together</th><td></td>"
                    "<td class=\"num\">{}</td></tr></tfoot></table></div>",
                    whole_money(a_.cost, "")));
  }

  void kinds() {
    add("<h2>Kind by kind</h2>");
    for (const auto& k : a_.kinds) {
      const auto& w = words_of(k.what);
      add(fmt::format("<section class=\"kind\"><h3>{}</h3><p class=\"soft\">{}</p>",
                      escaped(w.title), escaped(w.rule)));
      if (!k.judged) {
        add("<p>Not judged: the connector does not offer what this needs (see the "
            "quality of "
            "the data).</p></section>");
        continue;
      }
      add(fmt::format("<p>{}.{}</p>", escaped(how_often(k)), escaped(detail(k))));
      if (k.count > 0) {
        plots(k);
        workings(k);
      }
      add("</section>");
    }
  }

  static std::string detail(const kind_summary& k) {
    if (k.count == 0) {
      return "";
    }
    switch (k.what) {
    case kind::short_line:
      return fmt::format(
          " {} left late or are past their date. For {} ({}) one other site "
          "alone had enough free at that moment.",
          grouped(k.late), grouped(k.elsewhere), share_text(k.elsewhere, k.count));
    case kind::late_line:
    case kind::overdue_line:
      return fmt::format(" {} of them were short when they were entered.",
                         grouped(k.also_short));
    default:
      return "";
    }
  }

  void plots(const kind_summary& k) {
    const auto& w = words_of(k.what);
    if (*w.dated == '\0') {
      return;
    }
    add("<div class=\"plots\">");
    add(fmt::format("<figure><figcaption>Per week, by {}</figcaption>{}</figure>",
                    escaped(w.dated),
                    column_plot(weeks(k), fmt::format("{} per week", w.title), false)));
    add(fmt::format("<figure><figcaption>How many days: {}</figcaption>{}</figure>",
                    escaped(w.duration),
                    column_plot(lasting(k), fmt::format("{} by days", w.title), true)));
    add("</div>");
  }

  /// A label where a month begins, as many months apart as leaves room to read.
  std::vector<column> weeks(const kind_summary& k) const {
    const auto months = a_.week_starts.size() * 12 / 52;
    const unsigned apart = months <= 7 ? 1 : months <= 14 ? 2 : months <= 28 ? 4 : 12;
    std::vector<column> out;
    std::optional<unsigned> previous;
    for (std::size_t i = 0; i < k.weeks.size(); ++i) {
      const std::chrono::year_month_day d(a_.week_starts[i]);
      const auto m = static_cast<unsigned>(d.month());
      column c{
          "", k.weeks[i],
          fmt::format("week of {}: {}", to_text(a_.week_starts[i]), grouped(k.weeks[i]))};
      // At the right edge it would be cut off.
      const bool room = i + 3 <= k.weeks.size();
      if (previous && *previous != m && (m - 1) % apart == 0 && room) {
        c.label = m == 1 ? fmt::format("{}", static_cast<int>(d.year())) : month_name(m);
      }
      previous = m;
      out.push_back(std::move(c));
    }
    return out;
  }

  static std::vector<column> lasting(const kind_summary& k) {
    std::vector<column> out;
    for (std::size_t i = 0; i < k.lasted.counts.size(); ++i) {
      const auto last = i == spread_limits.size();
      const auto label = last ? fmt::format("> {}", spread_limits.back())
                              : fmt::format("≤ {}", spread_limits[i]);
      out.push_back({label, k.lasted.counts[i],
                     fmt::format("{} days: {}", label, grouped(k.lasted.counts[i]))});
    }
    return out;
  }

  void workings(const kind_summary& k) {
    add(fmt::format("<p><b>Cost {}</b></p><ul class=\"small\">", escaped(money(k.cost))));
    for (const auto& p : k.parts) {
      add(fmt::format("<li>{}: {} = {}</li>", escaped(p.what), escaped(p.formula),
                      escaped(money(p.amount))));
    }
    if (k.parts.empty()) {
      add("<li>All of them are priced as short order lines.</li>");
    }
    add("</ul>");
    std::string longest;
    for (const auto& o : k.examples) {
      longest += fmt::format("{}<code>{}</code> ({}{})", longest.empty() ? "" : ", ",
                             escaped(o.record), days_text(o.days),
                             o.open && k.what != kind::wrong_lead_time ? ", open" : "");
    }
    add(fmt::format(
        "<p class=\"small\" style=\"margin-top:10px\">{} {}</p>",
        k.what == kind::wrong_lead_time ? "Farthest off:" : "The longest:", longest));
    for (const auto& f : k.flows) {
      add(fmt::format("<p class=\"small\">Flow <code>{}</code>: {}.</p>", escaped(f.flow),
                      escaped(f.how)));
    }
  }

  void assumed() {
    add("<h2>What is assumed</h2><p>These are said, not measured. Change them with "
        "<code>--assume KEY=VALUE</code> and every figure above follows.</p>"
        "<div class=\"sheet\"><table><thead><tr><th>Assumption</th>"
        "<th class=\"num\">Value</th></tr></thead><tbody>");
    for (const auto& one : a_.assumed) {
      const auto value = one.unit == "share"
                             ? fmt::format("{:g} %", one.value.to_double() * 100)
                         : one.unit == "minutes" ? one.value.str() + " min"
                                                 : money(one.value);
      add(fmt::format("<tr><td>{}<br><code class=\"soft\">{}</code>{}</td>"
                      "<td class=\"num\">{}</td></tr>",
                      escaped(one.says), escaped(one.key),
                      one.changed ? " <span class=\"small\">(changed)</span>" : "",
                      escaped(value)));
    }
    add("</tbody></table></div>");
  }

  void list(const char* title, const std::vector<std::string>& sentences,
            const char* otherwise) {
    add(fmt::format("<h2>{}</h2><div class=\"sheet\" style=\"padding:14px\">", title));
    if (sentences.empty()) {
      add(fmt::format("<p style=\"margin:0\">{}</p>", otherwise));
    } else {
      add("<ul>");
      for (const auto& s : sentences) {
        add(fmt::format("<li>{}</li>", escaped(s)));
      }
      add("</ul>");
    }
    add("</div>");
  }

  void how() {
    std::string rows;
    for (const auto& [tool, n] : a_.rows) {
      rows += fmt::format("{}{} rows of <code>{}</code>", rows.empty() ? "" : ", ",
                          grouped(n), escaped(tool));
    }
    add(fmt::format(
        "<h2>How it was computed</h2><div class=\"sheet\" style=\"padding:14px\"><p>Read "
        "through "
        "the node's own connector (<code>{}</code>), which was given nothing but calls "
        "of "
        "tools that read: {}.</p><p>Stock is rebuilt backwards from what is there today: "
        "on "
        "hand, less what entered order lines still need, less transfers asked for; "
        "receipts, "
        "transfers and counts move it. Each kind's rule and each cost's formula stands "
        "with it "
        "above. An exception is counted in one kind and priced once.</p>"
        "<p style=\"margin:0\">Reading and computing took {:.1f} s.</p></div>",
        escaped(a_.read_by), rows, a_.seconds));
  }

  const assessment& a_;
  std::string out_;
};

} // namespace

std::string html_page(const assessment& a) {
  return page(a).run();
}

std::string how_often(const kind_summary& k) {
  const auto& w = words_of(k.what);
  if (!is_share(k.what)) {
    return fmt::format("{} at {} {}", grouped(k.count), grouped(k.out_of), w.out_of);
  }
  const auto share = share_text(k.count, k.out_of);
  return fmt::format("{} of {} {}{}", grouped(k.count), grouped(k.out_of), w.out_of,
                     share.empty() ? "" : " (" + share + ")");
}

std::string flows_text(const kind_summary& k) {
  std::string out;
  for (const auto& f : k.flows) {
    out += (out.empty() ? "" : ", ") + (f.directly ? f.flow : "in part: " + f.flow);
  }
  return out.empty() ? "none yet" : out;
}

std::string headline(const assessment& a) {
  std::string out;
  const auto& shorts = a.kinds.front();
  const auto days = (a.until - a.since).count();
  if (shorts.judged && shorts.out_of > 0) {
    out = fmt::format(
        "In {} days {} order lines of {} ({}) could not be filled from their own "
        "site when they were entered",
        days, grouped(shorts.count), grouped(shorts.out_of),
        share_text(shorts.count, shorts.out_of));
    if (shorts.count > 0) {
      out += fmt::format("; for {} of them, each taken alone, another site had enough",
                         grouped(shorts.elsewhere));
    }
    out += shorts.unjudged == 0
               ? ". "
               : fmt::format(" ({} more are not judged: see the quality of the data). ",
                             grouped(shorts.unjudged));
  } else {
    const auto& late = a.kinds[1];
    out = fmt::format(
        "In {} days {} order lines of {} left after the date the customer asked "
        "for. ",
        days, grouped(late.count), grouped(late.out_of));
  }
  out += fmt::format(
      "By the assumptions below all exceptions together cost {}, of which {} are "
      "in kinds that start a configured flow.",
      whole_money(a.cost, a.currency), whole_money(a.addressed, a.currency));
  return out;
}

} // namespace crossdock::assess
