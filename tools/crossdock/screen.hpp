/// Text for people: tables and paragraphs that fit the terminal. Nothing that came from
/// outside can steer the terminal: control characters are replaced.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::cli {

enum class colour { none, good, warning, bad, faint, strong };

class screen {
public:
  /// `width` in columns; 0 takes a width that reads well in a file.
  screen(std::ostream& out, std::size_t width, bool colours)
      : out_(&out), width_(width == 0   ? 100
                           : width < 40 ? 40
                                        : width),
        colours_(colours) {}

  std::size_t width() const { return width_; }
  std::string paint(std::string_view text, colour c) const;

  /// A heading with an empty line before it.
  void heading(std::string_view text);
  /// Wrapped; following lines are indented by `hang` more. Line feeds in `text` stay.
  void paragraph(std::string_view text, std::size_t indent = 0, std::size_t hang = 0,
                 colour c = colour::none);
  /// "name   value", the name padded to `name_width`, the value wrapped beside it.
  /// Nothing is printed for an empty value.
  void field(std::string_view name, std::string_view value, std::size_t name_width = 14,
             std::size_t indent = 0);
  struct fixed {
    std::string_view text;
    std::size_t width = 0;
    colour paint = colour::none;
  };
  /// Columns that take at least their width, and `text` behind them: wrapped beside them,
  /// or all in one line.
  void columns(const std::vector<fixed>& before, std::string_view text, colour c,
               bool wrapped);
  void line(std::string_view text = "");
  /// As it is, unwrapped: commands that people copy.
  void verbatim(std::string_view text);

private:
  friend class table;
  void raw(std::string_view text) { *out_ << text << '\n'; }

  std::ostream* out_;
  std::size_t width_;
  bool colours_;
};

/// Columns are as wide as their content; what does not fit the screen wraps, widest
/// first.
class table {
public:
  struct column {
    std::string title;
    bool right = false; ///< numbers
    bool whole = false; ///< never wrapped: ids that people copy
  };
  struct cell {
    std::string text;
    colour paint = colour::none;
    cell(std::string t, colour c = colour::none) : text(std::move(t)), paint(c) {}
    cell(const char* t) : text(t) {}
  };
  explicit table(std::vector<column> columns) : columns_(std::move(columns)) {}
  void row(std::vector<cell> cells);
  bool empty() const { return rows_.empty(); }
  void print(screen& s, std::size_t indent = 0) const;

private:
  std::vector<column> columns_;
  std::vector<std::vector<cell>> rows_;
};

/// Replaces control characters (and the C1 range) by "?"; tabs become a space; line feeds
/// stay.
std::string clean(std::string_view text);
/// Display columns, taking each code point as one.
std::size_t columns_of(std::string_view text);
/// Lines of at most `width` columns, broken at spaces, within a word only if it is
/// longer.
std::vector<std::string> wrap(std::string_view text, std::size_t width);

} // namespace crossdock::cli
