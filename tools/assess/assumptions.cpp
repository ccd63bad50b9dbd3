#include "assess/assumptions.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace crossdock::assess {
namespace {

assumption take(const char* key, std::int64_t hundredths, const char* unit,
                const char* says) {
  return {key, decimal::from_micros(hundredths * 10'000), unit, says, false};
}

} // namespace

assumptions::assumptions()
    : all_{
          take("hourly_rate", 3800, "money an hour",
               "What an hour of the people who handle exceptions costs, in the currency "
               "of "
               "the system of record."),
          take("minutes_short_line", 2000, "minutes",
               "Work on an order line that cannot be filled: find out, look for stock, "
               "call."),
          take("minutes_late_line", 1000, "minutes",
               "Work on an order line that leaves late: answer the customer."),
          take("minutes_overdue_line", 1000, "minutes",
               "Work so far on an order line that is past its date and still open."),
          take("minutes_late_receipt", 1500, "minutes",
               "Work on a purchase line that is late: chase it, tell the others."),
          take("minutes_slipped_purchase", 1000, "minutes",
               "Work on a purchase line whose promised date is moved."),
          take("minutes_late_transfer", 1000, "minutes",
               "Work on a transfer that arrives late."),
          take("minutes_stock_out", 500, "minutes",
               "Work on an item that has run out at a site."),
          take("minutes_wrong_lead_time", 1000, "minutes",
               "Work to find and correct a wrong lead time once."),
          take("lost_sale_probability", 35, "share",
               "Share of late lines whose margin is lost (the order agent's own "
               "assumption)."),
          take("margin_share", 25, "share",
               "Margin as a share of the price where the item's cost is not recorded."),
          take("expedite_share", 15, "share",
               "Share of short lines that ship late and are sent by a faster way."),
          take("expedite_cost", 3500, "money",
               "What a faster way costs more, each time."),
      } {}

result<void> assumptions::set(std::string_view key, std::string_view value) {
  const auto it = std::find_if(all_.begin(), all_.end(),
                               [&](const assumption& a) { return a.key == key; });
  if (it == all_.end()) {
    std::string known;
    for (const auto& a : all_) {
      known += (known.empty() ? "" : ", ") + a.key;
    }
    return error(errc::invalid, "there is no such assumption; there are " + known)
        .at("field", std::string(key));
  }
  auto number = decimal::parse(value);
  if (!number) {
    return error(errc::invalid,
                 fmt::format("\"{}\" is not a decimal number such as 42.50", value))
        .at("field", std::string(key));
  }
  const bool share = it->unit == "share";
  if (*number < decimal() || (share && *number > decimal::from_units(1)) ||
      *number > decimal::from_units(1'000'000)) {
    return error(errc::invalid, share ? "a share is a number from 0 to 1"
                                      : "a number from 0 to 1000000 is expected here")
        .at("field", std::string(key));
  }
  it->value = *number;
  it->changed = true;
  return {};
}

result<void> assumptions::read(std::string_view text) {
  const auto eq = text.find('=');
  if (eq == std::string_view::npos) {
    return read_file(std::filesystem::path(std::string(text)));
  }
  return set(text.substr(0, eq), text.substr(eq + 1));
}

result<void> assumptions::read_file(const std::filesystem::path& file) {
  std::error_code failure;
  if (!std::filesystem::is_regular_file(file, failure)) {
    return error(errc::not_found,
                 "there is no such file of assumptions (--assume takes a "
                 "TOML file or KEY=VALUE)")
        .at("file", file.string());
  }
  try {
    const auto table = toml::parse_file(file.string());
    for (const auto& [key, node] : table) {
      const auto number = [&]() -> std::string {
        if (node.is_string()) {
          return node.value_or(std::string());
        }
        if (node.is_integer()) {
          return std::to_string(node.value_or(std::int64_t{0}));
        }
        auto text =
            node.is_floating_point() ? fmt::format("{:.6f}", node.value_or(0.0)) : "";
        return text;
      }();
      if (auto r = set(std::string_view(key.str()), number); !r) {
        return std::move(r)
            .error()
            .at("file", file.string())
            .at("line", std::to_string(node.source().begin.line));
      }
    }
  } catch (const toml::parse_error& e) {
    return error(errc::malformed, "not valid TOML: " + std::string(e.description()))
        .at("file", file.string())
        .at("line", std::to_string(e.source().begin.line));
  }
  return {};
}

decimal assumptions::operator[](std::string_view key) const {
  for (const auto& a : all_) {
    if (a.key == key) {
      return a.value;
    }
  }
  std::abort(); // a key that the code asks for and the table lacks: a mistake of ours
}

} // namespace crossdock::assess
