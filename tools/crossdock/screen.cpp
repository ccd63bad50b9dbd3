#include "crossdock/screen.hpp"

#include <algorithm>
#include <numeric>
#include <sstream>

namespace crossdock::cli {
namespace {

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

/// The first bytes of `text` that take `width` columns.
std::size_t bytes_of(std::string_view text, std::size_t width) {
  std::size_t i = 0;
  while (i < text.size()) {
    if (!continues(text[i]) && width-- == 0) {
      break;
    }
    ++i;
  }
  return i;
}

std::string spaces(std::size_t n) {
  return std::string(n, ' ');
}

void wrap_line(std::string_view text, std::size_t width, std::vector<std::string>& out) {
  std::string line;
  std::size_t used = 0;
  std::size_t i = 0;
  while (i < text.size()) {
    auto end = text.find(' ', i);
    if (end == std::string_view::npos) {
      end = text.size();
    }
    auto word = text.substr(i, end - i);
    i = end + 1;
    while (true) {
      const auto n = columns_of(word);
      if (used + (used > 0 ? 1 : 0) + n <= width) {
        if (used > 0) {
          line += ' ';
          ++used;
        }
        line += word;
        used += n;
        break;
      }
      if (used > 0) {
        out.push_back(std::move(line));
        line.clear();
        used = 0;
        continue;
      }
      const auto cut = bytes_of(word, width);
      out.emplace_back(word.substr(0, cut));
      word.remove_prefix(cut);
    }
  }
  out.push_back(std::move(line));
}

} // namespace

std::string clean(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\t') {
      out += ' ';
    } else if (c == '\n') {
      out += '\n';
    } else if (c < 0x20 || c == 0x7f) {
      out += '?';
    } else if (c == 0xc2 && i + 1 < text.size() &&
               static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      out += '?'; // C1: some terminals obey U+009B as they do ESC [
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  const auto safe = clean(text);
  std::vector<std::string> out;
  std::string_view rest = safe;
  for (;;) {
    const auto end = rest.find('\n');
    wrap_line(rest.substr(0, end), std::max<std::size_t>(width, 1), out);
    if (end == std::string_view::npos) {
      return out;
    }
    rest.remove_prefix(end + 1);
  }
}

std::string screen::paint(std::string_view text, colour c) const {
  if (!colours_ || c == colour::none || text.empty()) {
    return std::string(text);
  }
  const char* code = "";
  switch (c) {
  case colour::none:
    break;
  case colour::good:
    code = "\033[32m";
    break;
  case colour::warning:
    code = "\033[33m";
    break;
  case colour::bad:
    code = "\033[31m";
    break;
  case colour::faint:
    code = "\033[2m";
    break;
  case colour::strong:
    code = "\033[1m";
    break;
  }
  return code + std::string(text) + "\033[0m";
}

void screen::heading(std::string_view text) {
  *out_ << '\n';
  paragraph(text, 0, 0, colour::strong);
}

void screen::paragraph(std::string_view text, std::size_t indent, std::size_t hang,
                       colour c) {
  const auto room = width_ - std::min(width_ / 2, indent + hang);
  const auto lines = wrap(text, room);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    *out_ << spaces(indent + (i > 0 ? hang : 0)) << paint(lines[i], c) << '\n';
  }
}

void screen::field(std::string_view name, std::string_view value, std::size_t name_width,
                   std::size_t indent) {
  if (value.empty()) {
    return;
  }
  const auto used = std::max(columns_of(name) + 1, name_width);
  const auto lines = wrap(value, width_ - std::min(width_ / 2, indent + used));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    *out_ << spaces(indent);
    if (i == 0) {
      *out_ << paint(name, colour::faint) << spaces(used - columns_of(name));
    } else {
      *out_ << spaces(used);
    }
    *out_ << lines[i] << '\n';
  }
}

void screen::columns(const std::vector<fixed>& before, std::string_view text, colour c,
                     bool wrapped) {
  constexpr std::size_t gap = 2;
  std::size_t used = 0;
  for (const auto& f : before) {
    auto safe = clean(f.text);
    std::replace(safe.begin(), safe.end(), '\n', ' ');
    const auto fill = f.width - std::min(f.width, columns_of(safe)) + gap;
    *out_ << paint(safe, f.paint) << spaces(fill);
    used += columns_of(safe) + fill;
  }
  if (!wrapped) {
    auto safe = clean(text);
    std::replace(safe.begin(), safe.end(), '\n', ' ');
    *out_ << paint(safe, c) << '\n';
    return;
  }
  const auto lines = wrap(text, width_ - std::min(width_ / 2, used));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    *out_ << (i > 0 ? spaces(used) : "") << paint(lines[i], c) << '\n';
  }
}

void screen::line(std::string_view text) {
  *out_ << clean(text) << '\n';
}

void screen::verbatim(std::string_view text) {
  *out_ << "  " << clean(text) << '\n';
}

void table::row(std::vector<cell> cells) {
  for (auto& c : cells) {
    c.text = clean(c.text);
  }
  cells.resize(columns_.size(), cell(""));
  rows_.push_back(std::move(cells));
}

void table::print(screen& s, std::size_t indent) const {
  constexpr std::size_t gap = 2;
  constexpr std::size_t narrowest = 8; // below it a column is a pile of syllables
  constexpr std::size_t word_max =
      18; // words up to this length are not broken if it can be
  std::vector<std::size_t> widths;
  std::vector<std::size_t> words;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    auto width = columns_of(columns_[i].title);
    auto word = narrowest;
    for (const auto& r : rows_) {
      for (const auto& part : wrap(r[i].text, 10'000)) {
        width = std::max(width, columns_of(part));
      }
      for (const auto& part : wrap(r[i].text, 1'000)) {
        std::istringstream in(part);
        for (std::string w; in >> w;) {
          word = std::max(word, std::min(word_max, columns_of(w)));
        }
      }
    }
    widths.push_back(width);
    words.push_back(word);
  }
  const auto room =
      s.width() - std::min(s.width() / 2, indent + gap * (widths.size() - 1));
  // The widest gives way first; words are broken only when nothing else is left.
  for (const bool break_words : {false, true}) {
    for (;;) {
      const auto total = std::accumulate(widths.begin(), widths.end(), std::size_t{0});
      std::size_t widest = widths.size();
      for (std::size_t i = 0; i < widths.size(); ++i) {
        if (!columns_[i].whole && widths[i] > (break_words ? narrowest : words[i]) &&
            (widest == widths.size() || widths[i] > widths[widest])) {
          widest = i;
        }
      }
      if (total <= room || widest == widths.size()) {
        break;
      }
      --widths[widest];
    }
  }
  const auto print_row = [&](const std::vector<cell>& cells) {
    std::vector<std::vector<std::string>> parts;
    std::size_t height = 1;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      parts.push_back(wrap(cells[i].text, widths[i]));
      height = std::max(height, parts.back().size());
    }
    for (std::size_t h = 0; h < height; ++h) {
      std::string text = spaces(indent);
      std::string pending; // trailing blanks are not printed
      for (std::size_t i = 0; i < cells.size(); ++i) {
        const auto piece = h < parts[i].size() ? parts[i][h] : std::string();
        const auto fill = spaces(widths[i] - std::min(widths[i], columns_of(piece)));
        if (!piece.empty()) {
          text +=
              pending + (columns_[i].right ? fill : "") + s.paint(piece, cells[i].paint);
          pending = columns_[i].right ? "" : fill;
        } else {
          pending += fill;
        }
        pending += spaces(gap);
      }
      s.raw(text);
    }
  };
  const bool titled = std::any_of(columns_.begin(), columns_.end(),
                                  [](const column& c) { return !c.title.empty(); });
  std::vector<cell> titles;
  for (const auto& c : columns_) {
    titles.emplace_back(c.title, colour::faint);
  }
  if (titled) {
    print_row(titles);
  }
  for (const auto& r : rows_) {
    print_row(r);
  }
}

} // namespace crossdock::cli
