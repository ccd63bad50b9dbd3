/// The connector's shipped mapping on a small distributor, the same in each product: the
/// cases of sql_cases.cpp run on whatever this is compiled for (SQL_POSTGRES).
#pragma once

#include <utility>
#include <vector>

#include <crossdock/testing.hpp>

#include "contract/sql_fixture.hpp"
#ifdef SQL_POSTGRES
#include "contract/sql_postgres_fixture.hpp"
#endif

namespace sql_fixture {

using namespace crossdock::sdk::testing;

#ifdef SQL_POSTGRES
using erp_here = postgres_erp;
#else
using erp_here = sqlite_erp;
#endif

inline const std::vector<std::pair<std::string, json>> every_read = {
    {"erp.stock", {{"item", "SKU-1"}}},
    {"erp.item", {{"item", "SKU-1"}}},
    {"erp.order_line", {{"line", "SO-1/1"}}},
    {"erp.open_orders", {{"item", "SKU-1"}, {"site", "BR-1"}}},
    {"erp.supply", {{"item", "SKU-1"}}},
    {"erp.position", {{"item", "SKU-1"}, {"site", "BR-1"}}},
    {"erp.demand", {{"item", "SKU-1"}, {"site", "BR-1"}, {"since", "2026-01-01"}}},
    {"erp.sites", json::object()},
    {"erp.transfer_history", {{"since", "2026-01-01"}}},
    {"erp.receipt_history", {{"since", "2026-01-01"}, {"limit", 10}}},
    {"erp.pick_history", {{"since", "2026-01-01"}}},
#ifndef SQL_POSTGRES // its example has no history for an assessment
    {"erp.order_history", {{"since", "2026-01-01"}, {"limit", 10}}},
    {"erp.purchase_history", {{"since", "2026-01-01"}, {"limit", 10}}},
    {"erp.supply_history", {{"since", "2026-01-01"}, {"limit", 10}}},
    {"erp.stock_levels", {{"limit", 10}}},
#endif
};

inline const json transfer = {{"item", "SKU-1"},       {"from", "DC-1"},
                              {"to", "BR-1"},          {"quantity", "7"},
                              {"unit", "EA"},          {"need_date", "2026-03-05"},
                              {"order_line", "SO-1/1"}};

struct running {
  explicit running(const json& more = json::object())
      : node{entry_of(SQL_PLUGIN), "sql", settings(more)} {}

  json settings(const json& more = json::object()) const {
    auto config = erp.settings();
    config.update(more);
    return config;
  }
  /// Lets the first page of every feed be polled.
  void start() {
    if (node.start() != CDK_OK)
      throw std::runtime_error{"START: " + node.error()};
    node.advance(std::chrono::milliseconds{1});
  }
  std::vector<std::string> sent_ids() const {
    std::vector<std::string> out;
    for (const auto& e : node.sent)
      out.push_back(e.id);
    return out;
  }

  erp_here erp;
  fake_node node;
};

} // namespace sql_fixture
