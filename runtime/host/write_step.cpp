#include "host/write_step.hpp"

#include "host/staged_plugin.hpp"

namespace crossdock::host {
namespace {

using dispatch::delivery_kind;

/// One live proposal for each (agent, tool, object); without an object each is its own.
std::string proposal_key(const std::string& agent, const json& proposal,
                         const std::string& id) {
  const auto object = text_or(proposal, "object_key");
  return agent + "/" + text_or(proposal, "tool") + "/" + (object.empty() ? id : object);
}

} // namespace

result<void> write_step(ledger::transaction& tx, const environment& env,
                        const component& what, const step& s, const event_text& text,
                        const job& j, const journal_line& line, plugin_records& records) {
  auto& exchange = *env.exchange;
  const auto base = [&](const std::string& type, const payload& data) {
    envelope e;
    e.source = what.name;
    e.type = type;
    e.data = data.text;
    e.document = data.document;
    e.dataschema = type + "/1";
    e.labels = text.label_list;
    if (j.row) {
      e.case_id = j.row->event->case_id;
      e.subject = j.row->event->subject;
      e.traceparent = j.row->event->traceparent;
      e.site = j.row->event->site;
      e.causes = {j.row->seq};
    }
    return e;
  };
  const auto discard = [](const auto& r) -> result<void> {
    return r ? result<void>() : result<void>(r.error());
  };
  if (j.row) {
    if (auto r = exchange.finish(tx, j.row->id); !r) {
      return r;
    }
  }
  for (const auto& e : s.effects) {
    result<void> r;
    if (const auto* send = std::get_if<send_effect>(&e)) {
      auto out = base(send->topic, send->payload);
      out.id = send->id;
      out.subject = send->key;
      if (what.connector) {
        out.case_id.clear();
        out.causes.clear();
        out.traceparent.clear(); // the poll that found it is another story
        r = discard(env.intake->admit(tx, std::move(out)));
      } else {
        r = discard(exchange.publish(tx, std::move(out), ledger::record_class::b));
      }
    } else if (const auto* ask = std::get_if<ask_effect>(&e)) {
      r = discard(exchange.ask(tx, what.name, ask->request,
                               base(ask->question, ask->payload), ask->timeout,
                               ask->tag));
    } else if (const auto* call = std::get_if<call_effect>(&e)) {
      r = discard(exchange.call(tx, what.name, call->request, delivery_kind::call,
                                base(call->tool, call->args), "", call->timeout,
                                call->tag));
    } else if (const auto* reply = std::get_if<reply_effect>(&e)) {
      if (reply->as_of) {
        env.clocks->observe(reply->system, *reply->as_of, tx.now());
      }
      auto answered =
          exchange.reply(tx, what.name, reply->token, reply->status, reply->payload.text,
                         j.row ? std::vector{j.row->seq} : std::vector<std::uint64_t>{},
                         reply->payload.document);
      if (!answered && answered.error().code() == errc::not_found) {
        // Too late: whoever asked was told so. The answer is on record, not delivered.
        ledger::record late;
        late.kind = "late_answer";
        late.source = what.name;
        late.target = "nobody";
        late.detail = {{"request", reply->token}, {"status", reply->status}};
        late.body = reply->payload.text;
        if (j.row) {
          late.case_id = j.row->event->case_id;
          late.traceparent = j.row->event->traceparent;
          late.causes = {j.row->seq};
        }
        r = discard(tx.append(late));
      } else {
        r = discard(answered);
      }
    } else if (const auto* timer = std::get_if<timer_effect>(&e)) {
      r = exchange.timer(tx, what.name, timer->request, timer->delay, timer->tag,
                         j.row ? j.row->event->subject : "",
                         j.row ? j.row->event->case_id : "",
                         // A connector polls for ever: each poll is a story of its own.
                         j.row && !what.connector ? j.row->event->traceparent : "");
    } else if (const auto* cancel = std::get_if<cancel_effect>(&e)) {
      r = exchange.cancel(tx, what.name, cancel->request);
      if (!r && r.error().code() == errc::denied) {
        r = records.write_often(tx, "refused", "cancel(): " + r.error().describe(),
                                j.row ? std::vector{j.row->seq}
                                      : std::vector<std::uint64_t>{});
      }
    } else if (const auto* propose = std::get_if<propose_effect>(&e)) {
      json body = propose->proposal;
      body["agent"] = what.name;
      body["agent_release"] = what.file->release();
      body["request"] = propose->request;
      if (const auto* tool = env.words->find(propose->proposal.value("tool", ""))) {
        body["reversal"] = tool->reversal;
      }
      // The tag is the agent's own bytes: it stays here and comes back with the decision.
      const auto id = exchange.new_event_id();
      body["key"] = proposal_key(what.name, propose->proposal, id);
      auto out = base("crossdock.proposal", {to_text(body), nullptr});
      out.id = id;
      r = exchange.proposed(tx, id, what.name, propose->tag, out.case_id, out.subject);
      if (r) {
        r = discard(exchange.publish(tx, std::move(out), ledger::record_class::a));
      }
    }
    if (!r) {
      return r;
    }
  }
  if (auto r = write_memory(tx, what.name, s.changes); !r) {
    return r;
  }
  return write_line(tx, what.name, j, line);
}

result<void> write_memory(ledger::transaction& tx, const std::string& component,
                          const memory_changes& changes) {
  for (const auto& [key, value] : changes) {
    auto r =
        value ? tx.db().exec(
                    "INSERT INTO memory(component, key, value, expires) VALUES(?,?,?,?) "
                    "ON CONFLICT(component, key) DO UPDATE SET value = excluded.value, "
                    "expires = excluded.expires",
                    {component, key, ledger::blob{value->bytes}, value->expires_us})
              : tx.db().exec("DELETE FROM memory WHERE component = ? AND key = ?",
                             {component, key});
    if (!r) {
      return std::move(r).error();
    }
  }
  return {};
}

} // namespace crossdock::host
