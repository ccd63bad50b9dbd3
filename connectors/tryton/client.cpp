#include "client.hpp"

#include <algorithm>

namespace crossdock::tryton {

namespace {

std::string base64(std::string_view in) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < in.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group =
          group << 8 | (i + k < in.size() ? static_cast<unsigned char>(in[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      out += k <= in.size() - i ? letters[group >> (18 - 6 * k) & 63u] : '=';
  }
  return out;
}

} // namespace

client::client(credentials who, std::unique_ptr<transport> by,
               std::chrono::milliseconds timeout)
    : who_{std::move(who)}, transport_{std::move(by)}, timeout_{timeout} {
  while (!who_.url.empty() && who_.url.back() == '/')
    who_.url.pop_back();
}

void client::begin_budget(std::chrono::milliseconds all) {
  budget_end_ = clock::now() + all;
}

std::chrono::milliseconds client::remaining() const {
  if (!budget_end_)
    return timeout_;
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(*budget_end_ - clock::now());
  if (left.count() <= 0)
    throw failure{outcome::transient, "no time left for another call to Tryton"};
  return std::min(timeout_, left);
}

answer client::post(access how, const std::string& method, const json& params) {
  // Exactly these three members: with any other one Tryton answers in another form.
  const json body{{"id", ++id_}, {"method", method}, {"params", params}};
  const auto reply = transport_->post(who_.url + "/" + who_.database + "/",
                                      authorization_, body.dump(), remaining());
  if (reply.date > 0)
    server_time_ = reply.date;
  return classify(reply, how);
}

void client::log_in() {
  authorization_.clear();
  auto a = post(access::read, "common.db.login",
                json::array({who_.user, {{"password", who_.password}}, "en"}));
  if (a.result == outcome::ok && (!a.value.is_array() || a.value.size() != 2))
    a = {outcome::auth, {}, "Tryton refused the session or password", {}};
  if (a.result != outcome::ok)
    throw failure{a.result, "login of " + who_.user + " at " + who_.url + ": " + a.text};
  authorization_ = "Session " + base64(who_.user + ":" +
                                       std::to_string(a.value[0].get<std::int64_t>()) +
                                       ":" + a.value[1].get<std::string>());
  a = post(access::read, "model.res.user.get_preferences",
           json::array({true, json::object()}));
  if (a.result != outcome::ok)
    throw failure{a.result, "preferences of " + who_.user + ": " + a.text};
  context_ = std::move(a.value);
}

json client::call(access how, const std::string& model, const std::string& method,
                  json params, const json& context) {
  if (authorization_.empty())
    log_in();
  const auto name = "model." + model + "." + method;
  const auto attempt = [&] {
    auto all = context_;
    all.update(context);
    auto with_context = params;
    with_context.push_back(std::move(all));
    return post(how, name, with_context);
  };
  auto a = attempt();
  if (a.result == outcome::auth) {
    // The session is checked before the method is looked at: nothing was done yet, so one
    // more attempt with a new session is safe for a write as well.
    log_in();
    a = attempt();
  }
  if (a.result != outcome::ok)
    throw failure{a.result, name + ": " + a.text, a.warning};
  return std::move(a.value);
}

json client::search(const std::string& model, const json& domain, const json& fields,
                    std::size_t limit) {
  constexpr std::size_t page =
      500; // under 1 MB and under a second each on a small server
  auto rows = json::array();
  std::int64_t last = 0;
  for (;;) {
    auto keyed = json::array({domain, json::array({"id", ">", last})});
    const auto wanted = std::min(page, limit - rows.size());
    const auto part =
        call(access::read, model, "search_read",
             json::array({std::move(keyed), 0, wanted,
                          json::array({json::array({"id", "ASC"})}), fields}));
    for (const auto& row : part)
      rows.push_back(row);
    if (part.size() < wanted || rows.size() >= limit)
      return rows;
    last = rows.back().at("id").get<std::int64_t>();
  }
}

std::string client::today() {
  if (server_time_ == 0 || today_asked_on_ != now().substr(0, 13)) {
    today_ = date_of(call(access::read, "ir.date", "today", json::array()));
    today_asked_on_ = now().substr(0, 13); // ask again each hour: the company's day turns
  }
  return today_;
}

int client::company() {
  if (authorization_.empty())
    log_in();
  if (!context_.contains("company") || !context_.at("company").is_number_integer())
    throw failure{outcome::refused,
                  "the Tryton login " + who_.user + " belongs to no company"};
  return context_.at("company").get<int>();
}

} // namespace crossdock::tryton
