/// How an agent learns before it speaks. It reads a history when it starts and once a
/// day, by the clock of the system of record as well as by ours; a question that comes
/// before the first lesson has ended waits in memory.
///
/// Memory: lesson/state when the last lesson ended, and what it could not learn;
/// learning the lesson under way; refresh that a daily one is set; queue/TOKEN questions
/// that wait.
#pragma once

#include "trade/reading.hpp"

#include <crossdock/step.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace crossdock::trade {

using sdk::json;

/// The part of an agent that all lessons have in common. It holds nothing: all of it is
/// in the memory of the step it is made for.
class schooling {
public:
  /// `refresh`: the age at which a lesson is made again.
  schooling(sdk::step& s, std::chrono::hours refresh) : s_{s}, refresh_{refresh} {}

  // -- a lesson
  // ---------------------------------------------------------------------------

  /// An activation of the agent begins: a lesson of the one before died with it.
  void start() {
    s_.memory().del("learning");
    begin(1);
  }

  /// The timer "learn": the daily refresh, or another try.
  void again(const json& saved) {
    if (saved.value("daily", false))
      tomorrow();
    begin(saved.value("attempt", 1));
  }

  /// Every lesson begins with the sites, read by the continuation "learn_sites".
  void begin(int attempt) {
    s_.memory().put("learning", {{"since_ns", s_.now()}, {"attempt", attempt}});
    s_.call("erp.sites", json::object()).then("learn_sites");
  }

  /// True if a read that failed is tried again: the reason passes.
  bool tried_again(const sdk::event& answer) {
    const auto attempt =
        s_.memory().get("learning", json{{"attempt", 1}}).value("attempt", 1);
    if (!passing(answer.status()) || attempt >= attempts_max)
      return false;
    s_.timer(pause, "learn", {{"attempt", attempt + 1}});
    return true;
  }

  /// A history that could not be read takes nothing away from what was learnt before.
  void keep(const char* key, const json& learnt, bool was_read) {
    if (was_read || !s_.memory().get(key))
      s_.memory().put(key, learnt);
  }

  /// The lesson has ended; the caller then answers the questions that waited. Without a
  /// time of the ERP it counts as old, so that the next question begins another.
  void end(const std::string& as_of, const std::vector<std::string>& notes) {
    auto memory = s_.memory();
    memory.put("lesson/state", {{"as_of", as_of.empty() ? sdk::rfc3339(0) : as_of},
                                {"learnt_ns", s_.now()},
                                {"notes", notes}});
    memory.del("learning");
    for (const auto& n : notes)
      s_.warn(n);
    if (!memory.get("refresh")) {
      memory.put("refresh", true);
      tomorrow();
    }
  }

  // -- questions
  // --------------------------------------------------------------------------

  /// Whether a lesson has ever ended.
  bool done() { return s_.memory().get("lesson/state").has_value(); }

  /// Keeps `question` until it has.
  void wait(const sdk::reply_token& token, const json& question) {
    s_.memory().put("queue/" + std::to_string(token.value),
                    {{"token", token}, {"question", question}}, question_life);
    const auto lesson = s_.memory().get("learning");
    if (!lesson || s_.now() - lesson->at("since_ns").get<std::int64_t>() > lesson_ns_max)
      begin(1);
  }

  /// Takes the questions out that waited: {"token", "question"} each.
  std::vector<json> waiting() {
    std::vector<json> out;
    for (auto& [key, question] : s_.memory().scan("queue/")) {
      s_.memory().del(key);
      out.push_back(std::move(question));
    }
    return out;
  }

  /// What is known of the last lesson; only after done().
  json state() { return *s_.memory().get("lesson/state"); }

  /// The ERP's days may pass faster than ours: a lesson older than a refresh at its time
  /// `as_of` is made again, while questions go on being answered from the present one.
  void renew_if_old(const std::string& as_of) {
    if (s_.memory().get("learning"))
      return;
    const auto age = sdk::parse_instant(as_of) -
                     sdk::parse_instant(state().at("as_of").get<std::string>());
    if (std::chrono::nanoseconds{age} > refresh_)
      begin(1);
  }

private:
  /// Tries before a history that cannot be read now is gone without until the next
  /// refresh.
  static constexpr int attempts_max = 5;
  static constexpr std::chrono::seconds pause{3};
  /// A lesson that has not ended by then died with its host: it is begun again.
  static constexpr std::int64_t lesson_ns_max = 120'000'000'000;
  /// A question nobody waits for any longer is forgotten.
  static constexpr std::chrono::minutes question_life{10};

  void tomorrow() { s_.timer(refresh_, "learn", {{"daily", true}}); }

  sdk::step& s_;
  std::chrono::hours refresh_;
};

} // namespace crossdock::trade
