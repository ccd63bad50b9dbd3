/// Names, references and numbers of articles as people type them.
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <string_view>

namespace crossdock::planning {

/// Longest text that is compared, bytes.
constexpr std::size_t text_max = 4096;

/// Edits of one character from `a` to `b` (Levenshtein 1965). Characters are Unicode code
/// points; a byte that is no UTF-8 counts as one. Valid: at most text_max bytes each.
outcome<std::size_t> levenshtein(std::string_view a, std::string_view b);

/// Jaro-Winkler similarity, 0..1: prefix scale 0.1, prefix of at most 4 (Winkler 1990).
/// Two empty texts are equal (1).
outcome<double> jaro_winkler(std::string_view a, std::string_view b);

/// The check digit of a GTIN, SSCC or UPC without it (GS1 General Specifications, section
/// 7.9, modulo 10). Valid: 1..30 decimal digits.
outcome<int> gs1_check_digit(std::string_view digits);

} // namespace crossdock::planning
