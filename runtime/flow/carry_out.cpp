#include "flow/carry_out.hpp"

namespace crossdock::flow {
namespace {

using dispatch::delivery;
using ledger::transaction;

envelope envelope_of(const output& o, const delivery& d, const std::string& type,
                     const json& data) {
  envelope e;
  e.source = "flow";
  e.type = type;
  e.dataschema = type + "/1";
  e.subject = o.state.key;
  e.case_id = o.state.case_id;
  e.tenant = o.state.tenant;
  e.site = o.state.site;
  e.traceparent = o.state.traceparent;
  e.labels = o.state.labels;
  e.causes = {d.seq};
  e.data = to_text(data);
  return e;
}

template <class T>
result<void> dropped(const result<T>& r) {
  return r ? result<void>() : result<void>(r.error());
}

ledger::record record_of(const output& o, const delivery& d, const char* kind) {
  ledger::record r;
  r.kind = kind;
  r.source = "flow";
  r.target = "case";
  r.case_id = o.state.case_id;
  r.tenant = o.state.tenant;
  r.traceparent = o.state.traceparent;
  r.labels = o.state.labels;
  if (d.seq != 0) {
    r.causes = {d.seq};
  }
  return r;
}

} // namespace

result<std::uint64_t> record_judged(transaction& tx, const output& o, const delivery& d,
                                    const proposal& p, const verdict& v) {
  auto made = record_of(o, d, "proposal");
  made.cls = ledger::record_class::a;
  made.id = p.id;
  made.source = p.agent.empty() ? "flow" : p.agent;
  made.target = "gate";
  made.detail = {{"tool", p.tool},
                 {"digest", p.action_digest()},
                 {"confidence_permille", p.confidence_permille},
                 {"release", p.agent_release},
                 {"summary", p.summary.substr(0, 1000)}};
  made.body = to_text(p.to_json());
  auto made_seq = tx.append(made);
  if (!made_seq) {
    return made_seq;
  }
  auto judged_as = record_of(o, d, "verdict");
  judged_as.cls = ledger::record_class::a;
  judged_as.id = p.id;
  judged_as.source = "gate";
  judged_as.target = "flow";
  judged_as.causes = {*made_seq};
  judged_as.detail = {{"effect", to_string(v.effect)},
                      {"rules", v.rules},
                      {"chain", v.chain},
                      {"policy_sha256", v.policy_sha256},
                      {"reason", v.reason.substr(0, 1000)}};
  judged_as.body = to_text(v.to_json());
  return tx.append(judged_as);
}

result<void> tell_opened(transaction& tx, const environment& env,
                         const escalate::approval& now, const verdict& v,
                         std::uint64_t cause) {
  const auto outcome = now.at == escalate::state::allowed   ? "allowed"
                       : now.at == escalate::state::pending ? "asked"
                                                            : "denied";
  auto told = env.exchange->tell_outcome(
      tx, now.id, outcome,
      {{"reason",
        now.at == escalate::state::denied && !now.reason.empty() ? now.reason : v.reason},
       {"rules", v.rules},
       {"chain", now.at == escalate::state::pending ? now.chain.id : v.chain},
       {"near_miss", v.near_miss},
       {"by", "policy " + v.policy_sha256.substr(0, 12)}},
      "gate", {cause});
  if (!told) {
    return std::move(told).error();
  }
  if (now.at == escalate::state::allowed) {
    // At once: what the effect does outside waits for its own record, which comes after
    // this.
    tx.on_applied(
        [what = std::make_shared<const proposal>(now.what), effect = env.effect] {
          if (auto handle = effect()) {
            caf::anon_send(handle, execute{what->id, what});
          }
        });
  } else if (now.at == escalate::state::pending) {
    tx.on_durable([id = now.id, desk = env.escalation] {
      if (auto handle = desk()) {
        caf::anon_send(handle, await_decision{id});
      }
    });
  }
  return {};
}

namespace {

result<void> carry_out(transaction& tx, const environment& env, const output& o,
                       const delivery& d, const ask& a, const std::vector<verdict>&,
                       std::size_t&) {
  return dropped(env.exchange->ask(tx, "flow", env.exchange->new_request_id(),
                                   envelope_of(o, d, a.question, a.payload), a.timeout,
                                   tag{a.step, a.run}.str()));
}

result<void> carry_out(transaction& tx, const environment& env, const output& o,
                       const delivery&, const start_timer& t, const std::vector<verdict>&,
                       std::size_t&) {
  return env.exchange->timer(tx, "flow", env.exchange->new_request_id(), t.delay, t.step,
                             o.state.key, o.state.case_id, o.state.traceparent);
}

result<void> carry_out(transaction& tx, const environment&, const output& o,
                       const delivery& d, const note& n, const std::vector<verdict>&,
                       std::size_t&) {
  auto r = record_of(o, d, "note");
  r.detail = {{"text", n.text.substr(0, 4000)}};
  return dropped(tx.append(r));
}

result<void> carry_out(transaction& tx, const environment&, const output& o,
                       const delivery& d, const close_case& c,
                       const std::vector<verdict>&, std::size_t&) {
  auto r = record_of(o, d, "case");
  r.detail = {{"state", "closed"}, {"outcome", c.outcome}, {"flow", o.state.flow}};
  return dropped(tx.append(r));
}

result<void> carry_out(transaction& tx, const environment& env, const output&,
                       const delivery& d, const withdraw& w, const std::vector<verdict>&,
                       std::size_t&) {
  auto r = escalate::withdraw(tx, w.proposal_id, {{"reason", w.reason}});
  if (!r) {
    // Too late: whatever overtook it is told to the case by whoever did it.
    return r.error().code() == errc::conflict || r.error().code() == errc::not_found
               ? result<void>()
               : result<void>(r.error());
  }
  return dropped(env.exchange->tell_outcome(tx, w.proposal_id, "withdrawn",
                                            {{"reason", w.reason}}, "escalate", {d.seq}));
}

/// Written by write_edit(), whose answer a person waits for.
result<void> carry_out(transaction&, const environment&, const output&, const delivery&,
                       const revise&, const std::vector<verdict>&, std::size_t&) {
  return error(errc::internal, "an edit does not come as a delivery");
}

result<void> carry_out(transaction& tx, const environment&, const output&,
                       const delivery&, const compensated& c, const std::vector<verdict>&,
                       std::size_t&) {
  return dropped(escalate::finish(tx, c.proposal_id, "compensated", c.detail));
}

/// Proposal, verdict and approval are written together: what was judged is what is
/// kept.
result<void> carry_out(transaction& tx, const environment& env, const output& o,
                       const delivery& d, const propose& p,
                       const std::vector<verdict>& verdicts, std::size_t& judged) {
  const auto& v = verdicts[judged++];
  auto verdict_seq = record_judged(tx, o, d, p.what, v);
  if (!verdict_seq) {
    return std::move(verdict_seq).error();
  }
  if (auto r = env.exchange->proposed(tx, p.what.id, "flow", tag{p.step, p.run}.str(),
                                      o.state.case_id, o.state.key, o.state.traceparent);
      !r) {
    return r;
  }
  const auto in_force = env.rules();
  const auto* chain = in_force->policy.find_chain(v.chain);
  const auto owner = env.owners.find(p.what.agent);
  auto opened = escalate::open(
      tx, p.what, v, chain,
      {p.requester, owner == env.owners.end() ? std::string() : owner->second, {}});
  if (!opened) {
    return std::move(opened).error();
  }
  // A newer proposal for the same object replaces an older one, whose proposer hears of
  // it.
  for (const auto& old : opened->superseded) {
    auto told = env.exchange->tell_outcome(tx, old.id, "superseded",
                                           {{"reason", old.reason}, {"by", p.what.id}},
                                           "escalate", {});
    if (!told) {
      return std::move(told).error();
    }
  }
  return tell_opened(tx, env, opened->now, v, *verdict_seq);
}

} // namespace

result<void> carry_out(transaction& tx, const environment& env, const output& o,
                       const delivery& d, const std::vector<verdict>& verdicts) {
  std::size_t judged = 0;
  for (const auto& a : o.actions) {
    auto r = std::visit(
        [&](const auto& one) { return carry_out(tx, env, o, d, one, verdicts, judged); },
        a);
    if (!r) {
      return r;
    }
  }
  return {};
}

} // namespace crossdock::flow
