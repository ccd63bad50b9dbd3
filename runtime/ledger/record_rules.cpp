#include "ledger/record_rules.hpp"

#include "base/digest.hpp"
#include "ledger/header.hpp"

namespace crossdock::ledger {
namespace {

/// Headers are made with less (detail_depth_max and the two levels around it).
constexpr std::size_t header_depth_max = 64;

bool starts_with(const std::string& text, std::string_view what) {
  return text.compare(0, what.size(), what) == 0;
}

/// All are in UTC, but a whole second has no fraction: "...:02Z" comes before
/// "...:02.000369Z".
std::string comparable(const std::string& time) {
  constexpr std::size_t seconds = 19; // "2026-11-27T08:24:02"
  const auto end = time.find('Z');
  return time.size() > seconds && time[seconds] == '.' ? time.substr(0, end)
                                                       : time.substr(0, end) + ".";
}

std::uint64_t number_or_zero(const json& detail, const char* name) {
  const auto found = detail.find(name);
  return found != detail.end() && found->is_number_unsigned()
             ? found->get<std::uint64_t>()
             : 0;
}

} // namespace

std::optional<json> read_header(std::uint64_t seq, const std::string& text,
                                const std::string& log, const finder& find) {
  const auto name = "record " + std::to_string(seq);
  auto parsed = parse_json(text, {header_bytes_max, header_depth_max});
  if (!parsed || !parsed->is_object()) {
    find(name + ": the header is no JSON object" +
         (parsed ? std::string() : " (" + parsed.error().message() + ")"));
    return std::nullopt;
  }
  const auto& header = *parsed;
  if (const auto canonical = canonical_json(header); !canonical || *canonical != text) {
    find(name + ": the header is not canonical JSON");
  }
  if (header.value("v", json()) != json(1)) {
    find(name + ": the header has a version unknown here");
  }
  if (header.value("seq", json()) != json(seq)) {
    find(name + ": the header says seq " + to_text(header.value("seq", json())));
  }
  if (text_or(header, "log") != log) {
    find(name + ": the header belongs to log \"" + text_or(header, "log") + "\", not \"" +
         log + "\"");
  }
  return *std::move(parsed);
}

void judge_body(std::uint64_t seq, const json& header, const std::string* body,
                const finder& find) {
  const auto name = "record " + std::to_string(seq);
  const auto claim = header.find("body");
  if (claim == header.end()) {
    if (body != nullptr) {
      find(name + ": has a body that its header does not know");
    }
  } else if (body == nullptr) {
    find(name + ": the body is missing");
  } else if (!claim->is_object() || text_or(*claim, "h") != to_hex(sha256_of(*body)) ||
             claim->value("n", json()) != json(body->size())) {
    find(name + ": the body was changed (it does not give the hash in the header)");
  }
}

void record_rules::say(std::uint64_t seq, const std::string& what) {
  find_("record " + std::to_string(seq) + ": " + what);
}

void record_rules::judge(std::uint64_t seq, const json& header) {
  const auto time = text_or(header, "time");
  auto at = comparable(time);
  if (at < time_) {
    say(seq, "its time " + time + " is before that of the record before");
  }
  time_ = std::move(at);
  const auto causes = header.find("causes");
  if (causes != header.end()) {
    for (const auto& cause : *causes) {
      if (!cause.is_number_unsigned() || cause.get<std::uint64_t>() >= seq) {
        say(seq, "a cause of it did not come before it");
      }
    }
  }
  judge_channel(seq, header);
  static const json nothing = json::object();
  const auto found = header.find("detail");
  const json& detail = found == header.end() ? nothing : *found;
  const auto kind = text_or(header, "kind");
  if (kind == "counts") {
    judge_counts(seq, detail);
  } else if (kind == "verdict") {
    proposals_[text_or(header, "id")].verdict = text_or(detail, "effect");
  } else if (kind == "approval") {
    judge_approval(seq, header, detail);
  } else if (kind == "effect") {
    judge_effect(seq, header, detail);
  }
}

void record_rules::judge_channel(std::uint64_t seq, const json& header) {
  const std::pair channel{text_or(header, "src"), text_or(header, "dst")};
  const bool expected = !channel.first.empty() && !channel.second.empty();
  const auto number = header.find("chan_seq");
  const auto name = "channel " + channel.first + " to " + channel.second;
  if ((number != header.end()) != expected ||
      (expected && !number->is_number_unsigned())) {
    say(seq, name + " has no number, or a number without a channel");
  } else if (expected) {
    auto& last = channels_[channel];
    const auto n = number->get<std::uint64_t>();
    if (n != last + 1) {
      say(seq,
          name + " has number " + std::to_string(n) + " after " + std::to_string(last));
    }
    last = n;
  }
}

void record_rules::judge_counts(std::uint64_t seq, const json& detail) {
  if (!detail.contains("accepted")) {
    return;
  }
  const auto accounted =
      number_or_zero(detail, "delivered") + number_or_zero(detail, "denied") +
      number_or_zero(detail, "dead") + number_or_zero(detail, "in_flight");
  if (number_or_zero(detail, "accepted") != accounted) {
    say(seq, "the counters do not add up: " +
                 std::to_string(number_or_zero(detail, "accepted")) + " accepted, " +
                 std::to_string(accounted) + " accounted for");
  }
}

void record_rules::judge_approval(std::uint64_t seq, const json& header,
                                  const json& detail) {
  if (!detail.contains("to") && !detail.contains("from")) {
    return; // somebody was refused; nothing moved
  }
  auto& p = proposals_[text_or(header, "id")];
  const auto to = text_or(detail, "to");
  const auto from = text_or(detail, "from");
  const auto digest = text_or(detail, "digest");
  const auto who = text_or(header, "principal");
  if (!p.state.empty() && from != p.state) {
    say(seq, "the approval goes on from " + from + ", but it was " + p.state);
  }
  if (!p.digest.empty() && digest != p.digest) {
    say(seq, "the approval is of another action than before (digest)");
  }
  if (to == "allowed" && p.verdict != "allow") {
    say(seq, "allowed without a verdict that allows it");
  }
  if (to == "approved") {
    p.by_person = p.by_person || starts_with(who, "person:");
    if (p.verdict != "ask") {
      say(seq, "approved without a verdict that asks");
    }
    if (!p.by_person) {
      say(seq, "approved by " + (who.empty() ? std::string("nobody") : who) +
                   ", who is no person");
    }
  }
  if (to == "consumed") {
    if (from != "allowed" && from != "approved") {
      say(seq, "consumed out of state " + from);
    }
    p.intent = false;
  }
  p.state = to;
  p.digest = digest;
}

void record_rules::judge_effect(std::uint64_t seq, const json& header,
                                const json& detail) {
  const auto id = text_or(header, "id");
  auto& p = proposals_[id];
  if (text_or(detail, "state") != "intent") {
    if (!p.intent) {
      say(seq, "an effect without an intent");
    }
    return;
  }
  if (p.verdict.empty()) {
    say(seq, "an effect without a verdict");
  } else if (p.state != "consumed") {
    say(seq, "an effect without a decision that it consumed (its approval is " +
                 (p.state.empty() ? std::string("missing") : p.state) + ")");
  } else if (p.digest != text_or(detail, "digest")) {
    say(seq, "an effect of another action than was decided (digest)");
  } else if (p.intent) {
    say(seq, "a second effect of one decision");
  }
  p.intent = true;
}

} // namespace crossdock::ledger
