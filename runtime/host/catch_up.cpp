#include "host/catch_up.hpp"

#include "host/replay.hpp"

#include <fmt/format.h>

namespace crossdock::host {
namespace {

using steady = std::chrono::steady_clock;

constexpr auto catch_up_max = std::chrono::milliseconds(2'500);
constexpr std::size_t gap_told = 20;

void tell_gap(json& gap, std::string what) {
  if (gap.size() < gap_told) {
    gap.push_back(std::move(what));
  } else if (gap.size() == gap_told) {
    gap.push_back("... and more");
  }
}

} // namespace

std::shared_ptr<caught_up> learn(const lesson& from) {
  auto out = std::make_shared<caught_up>();
  const auto fail = [&](error why) {
    out->failed = std::move(why);
    return out;
  };
  auto db = from.store->reader();
  if (!db) {
    return fail(std::move(db).error());
  }
  auto entries = read_journal(**db, from.what->name, from.after, {}, journal_steps_max);
  if (!entries) {
    return fail(std::move(entries).error());
  }
  // A connector's step speaks to the system of record: it is never run again. What it
  // remembers (a cursor) was true when it was recorded, whoever recorded it.
  const bool reaches_back =
      entries->empty() ? from.newest == from.after : entries->front().n <= from.after + 1;
  const bool whole = reaches_back && !(from.what->connector && from.same_schema);
  memory_view memory = *from.is;
  if (whole) {
    undo(memory, *entries);
  } else if (!from.same_schema) {
    return fail(error(errc::version,
                      "its memory was changed to a schema that the version before "
                      "does not read, and the journal no longer reaches back"));
  }
  if (auto r = from.object->restore(static_cast<std::uint32_t>(from.state_schema),
                                    from.snapshot, memory);
      !r) {
    return fail(r.error());
  }
  job start;
  start.kind = CDK_EV_START;
  const event_text text{start.payload, "[]", {}};
  const auto base = std::make_shared<memory_view>(memory);
  std::size_t bytes = 0;
  for (const auto& [key, value] : *base) {
    bytes += key.size() + value.bytes.size();
  }
  out->start = std::make_shared<step>(from.what, from.words, from.first_request,
                                      std::make_shared<seeded_random>(from.seed), base,
                                      bytes, from.now);
  from.object->handle(*out->start, describe(start, text, from.now,
                                            from.now + from.what->limits.step_hard));
  if (out->start->status < 0) {
    return fail(error(errc::plugin, "START: " + why_of(*out->start)));
  }
  apply_changes(memory, out->start->changes);
  from.object->remembered();
  out->memory = memory;
  out->memory_known = true;
  if (from.what->connector) {
    if (!from.same_schema) {
      tell_gap(out->gap,
               "its memory is as it was at the swap: what it reads again, intake knows "
               "by its id");
    }
    return out;
  }
  if (!whole) {
    tell_gap(out->gap,
             "the journal no longer reaches back to the swap: its memory is what "
             "the other version left");
    return out;
  }
  replay again(from.what, from.object, from.words, std::move(memory));
  asked_before questions;
  const auto until = steady::now() + catch_up_max;
  for (const auto& e : *entries) {
    if (steady::now() > until) {
      tell_gap(out->gap,
               fmt::format("steps {} to {}: there was no time", e.n, from.newest));
      break;
    }
    const auto how = again.feed(e, questions);
    note(questions, e);
    if (e.what.row && e.what.row->kind == dispatch::delivery_kind::result) {
      questions.erase(e.what.row->token); // it is answered
    }
    const auto where = [&] {
      return fmt::format("record {} ({})", e.what.row->seq, e.what.row->topic);
    };
    if (how == replay::fed::not_asked) {
      tell_gap(out->gap, where() + ": an answer to a question that it does not ask");
    } else if (how == replay::fed::handled && again.last().status < 0) {
      tell_gap(out->gap, where() + ": " + why_of(again.last()));
      if (again.last().status == CDK_E_FATAL || again.last().status == CDK_E_DEADLINE) {
        out->failed =
            error(errc::plugin, "it failed while it caught up: " + why_of(again.last()));
        break;
      }
    } else if (how == replay::fed::handled) {
      ++out->absorbed;
    }
  }
  out->memory = again.memory();
  for (const auto& [request, question] : questions) {
    if (auto tag = again.take_open(question)) {
      out->tags.emplace(request, *std::move(tag));
    }
  }
  for (const auto& question : again.open()) {
    tell_gap(out->gap, "it would have asked " + question.name +
                           ", which the other version did not ask in these words");
  }
  return out;
}

} // namespace crossdock::host
