#include "host/child/wire.hpp"

namespace crossdock::host::child {

void pack(packer& to, const cdk_event& e) {
  to.number(e.kind)
      .number(e.flags)
      .number(e.attempt)
      .number(e.seq)
      .number(e.now_ns)
      .number(e.deadline_ns)
      .number(e.token)
      .number(e.status);
  for (const auto& t :
       {e.id, e.topic, e.schema, e.key, e.case_id, e.source, e.tenant, e.site,
        e.content_type, e.traceparent, e.labels, e.idempotency_key}) {
    to.text(t);
  }
  to.text(e.payload).text(e.tag);
}

cdk_event unpack_event(unpacker& from) {
  cdk_event e{};
  e.struct_size = sizeof e;
  e.kind = from.number<std::uint32_t>();
  e.flags = from.number<std::uint32_t>();
  e.attempt = from.number<std::uint32_t>();
  e.seq = from.number<std::uint64_t>();
  e.now_ns = from.number<std::int64_t>();
  e.deadline_ns = from.number<std::int64_t>();
  e.token = from.number<std::uint64_t>();
  e.status = from.number<cdk_status>();
  for (auto* t :
       {&e.id, &e.topic, &e.schema, &e.key, &e.case_id, &e.source, &e.tenant, &e.site,
        &e.content_type, &e.traceparent, &e.labels, &e.idempotency_key}) {
    *t = from.str();
  }
  e.payload = from.bytes();
  e.tag = from.bytes();
  return e;
}

void pack(packer& to, const cdk_proposal& p) {
  to.number(p.flags).number(p.score).number(p.confidence).number(p.expires_s);
  for (const auto& t :
       {p.tool, p.rationale, p.amount, p.currency, p.if_nothing_is_done, p.object_key}) {
    to.text(t);
  }
  for (const auto& b : {p.args, p.basis, p.rationale_facts, p.evidence, p.alternatives,
                        p.expected_value, p.tag}) {
    to.text(b);
  }
}

cdk_proposal unpack_proposal(unpacker& from) {
  cdk_proposal p{};
  p.struct_size = sizeof p;
  p.flags = from.number<std::uint32_t>();
  p.score = from.number<double>();
  p.confidence = from.number<double>();
  p.expires_s = from.number<std::uint64_t>();
  for (auto* t : {&p.tool, &p.rationale, &p.amount, &p.currency, &p.if_nothing_is_done,
                  &p.object_key}) {
    *t = from.str();
  }
  for (auto* b : {&p.args, &p.basis, &p.rationale_facts, &p.evidence, &p.alternatives,
                  &p.expected_value, &p.tag}) {
    *b = from.bytes();
  }
  return p;
}

} // namespace crossdock::host::child
