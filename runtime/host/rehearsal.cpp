#include "host/rehearsal.hpp"

#include "host/bounded.hpp"
#include "host/replay.hpp"
#include "host/staged_plugin.hpp"

#include <cmath>
#include <mutex>

namespace crossdock::host {
namespace {

constexpr std::size_t differences_told = 50;
constexpr std::size_t fields_told = 20;

std::string pointer_below(const std::string& at, std::string name) {
  for (std::size_t i = 0; (i = name.find_first_of("~/", i)) != std::string::npos;
       i += 2) {
    name.replace(i, 1, name[i] == '~' ? "~0" : "~1");
  }
  return at + "/" + name;
}

/// As a number, also if it is a decimal written as text.
std::optional<double> number_of(const json& v) {
  if (v.is_number()) {
    return v.get<double>();
  }
  if (v.is_string()) {
    const auto& text = v.get_ref<const std::string&>();
    std::size_t used = 0;
    try {
      const auto d = std::stod(text, &used);
      return used == text.size() ? std::optional(d) : std::nullopt;
    } catch (const std::exception&) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

void walk(const json& a, const json& b, const std::string& at, const comparison& except,
          json& out) {
  if (a == b || except.ignore.contains(at) || out.size() >= fields_told) {
    return;
  }
  static const json absent;
  if (a.is_object() && b.is_object()) {
    for (const auto& [name, value] : a.items()) {
      walk(value, b.contains(name) ? b[name] : absent, pointer_below(at, name), except,
           out);
    }
    for (const auto& [name, value] : b.items()) {
      if (!a.contains(name)) {
        walk(absent, value, pointer_below(at, name), except, out);
      }
    }
    return;
  }
  if (a.is_array() && b.is_array()) {
    for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
      walk(i < a.size() ? a[i] : absent, i < b.size() ? b[i] : absent,
           pointer_below(at, std::to_string(i)), except, out);
    }
    return;
  }
  if (const auto t = except.tolerances.find(at); t != except.tolerances.end()) {
    const auto x = number_of(a);
    const auto y = number_of(b);
    if (x && y && std::fabs(*x - *y) <= t->second) {
      return;
    }
  }
  out.push_back({{"field", at.empty() ? "/" : at}, {"now", a}, {"next", b}});
}

json document(const payload& p) {
  return p.document ? *p.document : json::parse(p.text, nullptr, false);
}

/// A version and the thread its code runs on, which it is created and ended on.
class trial {
public:
  trial(const rehearsal& r, std::shared_ptr<const component> what)
      : what_(std::move(what)), thread_("rehearsal") {
    plugin_host_ = r.plugin_host;
    words_ = r.words;
  }
  ~trial() {
    if (!thread_.hung()) {
      // Where it was created. A plugin that does not even end is left behind.
      thread_.run([held = std::move(held_)]() mutable { held->reset(); },
                  std::chrono::milliseconds(2'000));
    }
  }
  trial(const trial&) = delete;
  trial& operator=(const trial&) = delete;

  result<void> create(const memory_view& memory) {
    auto failure = std::make_shared<std::optional<error>>();
    auto held = std::make_shared<std::shared_ptr<replay>>();
    held_ = held;
    const bool back = thread_.run(
        [what = what_, words = words_, plugin_host = plugin_host_, memory, failure,
         held] {
          instance_host quiet;
          quiet.log = [](std::uint32_t, std::string_view, std::string_view) {};
          quiet.metric = [](std::uint32_t, std::string_view, double) {};
          quiet.post = [](std::string, std::string) -> cdk_status { return CDK_E_LIMIT; };
          const surroundings around{words, std::make_shared<memory_view>(memory), false,
                                    plugin_host};
          // What it asks for has no effect, so its vendor's rate does not matter here.
          auto made = make_instance(what, std::move(quiet), around);
          if (!made) {
            *failure = std::move(made).error();
            return;
          }
          *held = std::make_shared<replay>(what, *std::move(made), words, memory);
        },
        what_->limits.create_hard);
    if (!back) {
      return late("create()");
    }
    if (*failure) {
      return std::move(**failure);
    }
    return {};
  }

  struct answer {
    replay::fed how = replay::fed::nothing;
    json said = json::array();
    std::optional<std::string> failed;
  };
  result<answer> feed(const journal_entry& e, const asked_before& before) {
    auto out = std::make_shared<answer>();
    const bool back = thread_.run(
        [held = held_, e, before = &before, out] {
          out->how = (*held)->feed(e, *before);
          if (out->how != replay::fed::handled) {
            return;
          }
          const auto& s = (*held)->last();
          if (s.status < 0) {
            out->failed = why_of(s);
          } else {
            out->said = said_in(s);
          }
        },
        what_->limits.step_hard + std::chrono::milliseconds(500));
    if (!back) {
      return late("handle() of step " + std::to_string(e.n));
    }
    return std::move(*out);
  }

private:
  error late(const std::string& where) const {
    return error(errc::plugin, what_->file->release() + ": " + where +
                                   " did not return in time in the rehearsal");
  }

  std::shared_ptr<const component> what_;
  std::filesystem::path plugin_host_;
  std::shared_ptr<const catalogue> words_;
  bounded_thread thread_;
  std::shared_ptr<std::shared_ptr<replay>> held_ =
      std::make_shared<std::shared_ptr<replay>>();
};

} // namespace

json said_in(const step& s) {
  json out = json::array();
  for (const auto& e : s.effects) {
    if (const auto* send = std::get_if<send_effect>(&e)) {
      out.push_back({{"sends", send->topic},
                     {"key", send->key},
                     {"payload", document(send->payload)}});
    } else if (const auto* reply = std::get_if<reply_effect>(&e)) {
      out.push_back({{"answers", reply->status}, {"payload", document(reply->payload)}});
    } else if (const auto* propose = std::get_if<propose_effect>(&e)) {
      out.push_back({{"proposes", text_or(propose->proposal, "tool")},
                     {"proposal", propose->proposal}});
    }
  }
  return out;
}

json differences_of(const json& a, const json& b, const comparison& except) {
  // Pointers of a manifest are those of the payload or proposal, whatever says it.
  json out = json::array();
  const auto bare = [](const json& said) -> const json& {
    static const json nothing;
    return said.contains("payload")    ? said["payload"]
           : said.contains("proposal") ? said["proposal"]
                                       : nothing;
  };
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    static const json nothing = json::object();
    auto x = i < a.size() ? a[i] : nothing;
    auto y = i < b.size() ? b[i] : nothing;
    walk(bare(x), bare(y), "", except, out);
    x.erase("payload");
    x.erase("proposal");
    y.erase("payload");
    y.erase("proposal");
    walk(x, y, "", {}, out);
  }
  return out;
}

result<json> rehearse(ledger::connection& db, const rehearsal& r) {
  if (r.now->connector || r.next->connector) {
    return error(errc::invalid,
                 "a connector is not rehearsed: its steps speak to the system of "
                 "record");
  }
  auto memory = memory_of(db, r.now->name);
  if (!memory) {
    return std::move(memory).error();
  }
  auto entries = read_journal(db, r.now->name, 0, r.since, r.steps_max);
  if (!entries) {
    return std::move(entries).error();
  }
  undo(*memory, *entries);
  trial before(r, r.now);
  trial after(r, r.next);
  if (auto made = before.create(*memory); !made) {
    return std::move(made).error();
  }
  if (auto made = after.create(*memory); !made) {
    return std::move(made).error();
  }
  asked_before questions;
  std::size_t compared = 0;
  std::size_t same = 0;
  std::size_t not_asked = 0;
  std::size_t done = 0;
  json told = json::array();
  std::size_t differ = 0;
  const auto until = std::chrono::steady_clock::now() + r.time_max;
  for (const auto& e : *entries) {
    if (std::chrono::steady_clock::now() > until) {
      break;
    }
    auto was = before.feed(e, questions);
    if (!was) {
      return std::move(was).error();
    }
    auto is = after.feed(e, questions);
    if (!is) {
      return std::move(is).error();
    }
    note(questions, e);
    ++done;
    if (r.progress) {
      r.progress(done, entries->size());
    }
    if (was->how == replay::fed::not_asked || is->how == replay::fed::not_asked) {
      // One of them got no answer where the other did: what depends on it cannot agree.
      not_asked += was->how != is->how ? 1 : 0;
      continue;
    }
    if (was->how != replay::fed::handled) {
      continue;
    }
    ++compared;
    json changes = json::array();
    if (was->failed != is->failed) {
      changes.push_back({{"field", "refuses"},
                         {"now", was->failed ? json(*was->failed) : json()},
                         {"next", is->failed ? json(*is->failed) : json()}});
    } else {
      changes = differences_of(was->said, is->said, r.next->comparison);
    }
    if (changes.empty()) {
      ++same;
      continue;
    }
    ++differ;
    if (told.size() < differences_told) {
      const auto& row = *e.what.row;
      told.push_back({{"seq", row.seq},
                      {"at", to_rfc3339(e.at)},
                      {"case", row.event->case_id},
                      {"topic", row.topic},
                      {"key", row.event->subject},
                      {"changes", std::move(changes)}});
    }
  }
  json out{{"steps", entries->size()},
           {"compared", compared},
           {"same", same},
           {"differ", differ},
           {"not_asked", not_asked},
           {"left_out", entries->size() - done},
           {"differences", std::move(told)}};
  if (!entries->empty()) {
    out["from"] = to_rfc3339(entries->front().at);
    out["to"] = to_rfc3339(entries->back().at);
  }
  return out;
}

} // namespace crossdock::host
