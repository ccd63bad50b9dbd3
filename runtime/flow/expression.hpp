/// Templates and conditions over a case's data: the only "language" a flow file has.
///
/// Case data is one JSON document {trigger, case, steps}. In a template a text
/// "$/pointer" is replaced by what is there, "$?/pointer" is left out if there is
/// nothing, "$$..." is a text that begins with one dollar, and a table {each, give,
/// where} maps an array; inside it "$item" and "$item/pointer" speak of the element.
/// Everything else stands for itself.
#pragma once

#include "base/decimal.hpp"
#include "base/json.hpp"
#include "base/proposal.hpp"
#include "flow/case_state.hpp"

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::flow {

/// What an expression looks at: one document, or a case's data where they lie.
class scope {
public:
  explicit scope(const json& data) : data_(&data) {}
  explicit scope(const case_view& data) : view_(&data) {}
  /// The same inside `each`, with its element.
  scope with(const json& item) const {
    auto inner = *this;
    inner.item_ = &item;
    return inner;
  }

  /// What is at the pointer, null if nothing.
  const json* find(std::string_view pointer) const;
  const json* item() const { return item_; }

private:
  const json* data_ = nullptr;
  const case_view* view_ = nullptr;
  const json* item_ = nullptr;
};

/// What an expression may refer to, for the check before anything runs.
struct known_names {
  std::set<std::string> steps; ///< that come earlier
  bool item = false;
  std::set<std::string> roots = {}; ///< besides trigger, case and steps
};

/// Decimal text or a JSON number; a float, which only probabilities of answers are, is
/// rounded to six decimals once and never used as a double after that.
std::optional<decimal> decimal_of(const json& value);
/// {"amount", "currency"}.
std::optional<money> money_of(const json& value);
json money_json(const money& m);

/// Errors: invalid, with the context "pointer" relative to the template.
result<void> check_template(const json& source, const known_names& known);
/// Errors: not_found (a pointer without "?" leads nowhere), naming the pointer.
result<json> fill(const json& source, const scope& s);

/// Text with "{/pointer}" into the case data, "{name}" for the fact of that name with its
/// unit, and "{{" for a brace. Paths are checked unless `known` is null.
result<void> check_text(std::string_view source, const known_names* known);
/// Errors: not_found, naming the placeholder that led nowhere.
result<std::string> fill_text(std::string_view source, const scope& s,
                              std::span<const fact> facts = {});

/// "{line}" or "{/a/b}" over one payload. Errors: schema, if a member is absent or no
/// scalar.
result<std::string> fill_key(std::string_view source, const json& payload);

/// {path, op, value, type}, or {all = [...]}, or {any = [...]}.
struct condition {
  enum class op { eq, ne, lt, le, gt, ge, in, exists, empty, all, any };
  /// natural: numbers as decimals, "YYYY-MM-DD" and instants by time, the rest as it is.
  /// Text is never taken for a number by = and in, so that the item "010" is not the item
  /// "10".
  enum class type { natural, decimal, date, text };

  op what = op::all;
  type as = type::natural;
  std::string path;
  json value; ///< a template
  std::vector<condition> parts;

  /// References are checked unless `known` is null. Errors: invalid, with the context
  /// "pointer".
  static result<condition> compile(const json& source, const known_names* known);
  /// A value that is not there is unequal to everything and neither below nor above
  /// anything. Errors: schema, if two values cannot be compared in that way.
  result<bool> holds(const scope& s) const;
};

} // namespace crossdock::flow
