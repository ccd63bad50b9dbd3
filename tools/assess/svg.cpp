#include "assess/svg.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "assess/assessment.hpp"

namespace crossdock::assess {
namespace {

// In the plot's own units; a phone shows about one of them per pixel.
constexpr double width = 360;
constexpr double height = 150;
constexpr double left = 44; ///< room for the scale's numbers
constexpr double right = 6;
constexpr double top = 16;
constexpr double bottom = 22; ///< room for labels

} // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&quot;";
      break;
    case '\'':
      out += "&#39;";
      break;
    default:
      out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

std::size_t round_up(std::size_t n) {
  for (std::size_t power = 1;; power *= 10) {
    for (const std::size_t step : {1, 2, 5}) {
      if (power * step >= n) {
        return power * step;
      }
    }
  }
}

std::string column_plot(const std::vector<column>& columns, std::string_view title,
                        bool numbers) {
  std::size_t most = 1;
  for (const auto& c : columns) {
    most = std::max(most, c.count);
  }
  // Four steps of a round size that just hold the highest column.
  const auto step = round_up((most + 3) / 4);
  const auto steps = (most + step - 1) / step;
  const auto scale = (height - top - bottom) / static_cast<double>(step * steps);
  const auto y_of = [&](std::size_t n) {
    return height - bottom - static_cast<double>(n) * scale;
  };
  auto out = fmt::format("<svg class=\"plot\" viewBox=\"0 0 {} {}\" role=\"img\" "
                         "aria-label=\"{}\">",
                         width, height, escaped(title));
  for (std::size_t i = 0; i <= steps; ++i) {
    const auto y = y_of(i * step);
    out +=
        fmt::format("<line class=\"{}\" x1=\"{}\" y1=\"{:.1f}\" x2=\"{}\" y2=\"{:.1f}\"/>"
                    "<text class=\"scale\" x=\"{}\" y=\"{:.1f}\">{}</text>",
                    i == 0 ? "base" : "grid", left, y, width - right, y, left - 5, y + 4,
                    grouped(i * step));
  }
  const auto room = (width - left - right) /
                    static_cast<double>(std::max<std::size_t>(columns.size(), 1));
  const auto gap = std::min(6.0, room * 0.25);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto& c = columns[i];
    const auto x = left + room * static_cast<double>(i);
    if (c.count > 0) {
      const auto tall = std::max(1.0, static_cast<double>(c.count) * scale);
      out += fmt::format("<rect class=\"col\" x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" "
                         "height=\"{:.2f}\"><title>{}</title></rect>",
                         x + gap / 2, height - bottom - tall, room - gap, tall,
                         escaped(c.says));
    }
    if (numbers && c.count > 0) {
      out += fmt::format("<text class=\"count\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>",
                         x + room / 2, y_of(c.count) - 4, grouped(c.count));
    }
    if (!c.label.empty()) {
      out += fmt::format("<text class=\"under\" x=\"{:.1f}\" y=\"{}\">{}</text>",
                         x + room / 2, height - 6, escaped(c.label));
    }
  }
  return out + "</svg>";
}

std::string bar(double share) {
  return fmt::format(
      "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
      "aria-hidden=\"true\"><rect class=\"rail\" width=\"100\" height=\"10\"/>"
      "<rect class=\"col\" width=\"{:.2f}\" height=\"10\"/></svg>",
      std::clamp(share, 0.0, 1.0) * 100);
}

} // namespace crossdock::assess
