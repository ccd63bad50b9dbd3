#include "host/presented.hpp"

namespace crossdock::host {

using dispatch::delivery_kind;

std::shared_ptr<event_text> text_of(const job& j, const component& what,
                                    const catalogue& words) {
  auto text = std::make_shared<event_text>();
  if (!j.row || !j.row->event) {
    text->payload = j.payload;
    return text;
  }
  text->payload = j.row->event->data;
  text->label_list = j.row->event->labels;
  const auto* entry =
      j.row->kind == delivery_kind::message ? words.find(j.row->topic) : nullptr;
  if (entry != nullptr && !entry->untrusted.empty() && !what.connector) {
    if (const auto document = document_of(*j.row->event)) {
      auto body = **document;
      for (const auto& field : entry->untrusted) {
        if (field.size() > 1) {
          body.erase(field.substr(1));
        }
      }
      text->payload = to_text(body);
      std::erase(text->label_list, "untrusted");
    }
  }
  text->labels = to_text(json(text->label_list));
  return text;
}

cdk_event describe(const job& j, const event_text& text, timestamp now,
                   timestamp deadline) {
  using std::chrono::duration_cast;
  using std::chrono::nanoseconds;
  cdk_event e{};
  e.struct_size = sizeof e;
  e.kind = j.kind;
  e.attempt = j.row ? j.row->attempt : 1;
  e.flags = e.attempt > 1 ? CDK_F_REDELIVERY : 0;
  e.now_ns = duration_cast<nanoseconds>(now.time_since_epoch()).count();
  e.deadline_ns = duration_cast<nanoseconds>(deadline.time_since_epoch()).count();
  e.content_type = to_abi("application/json");
  e.payload = to_abi_bytes(text.payload);
  e.labels = to_abi(text.labels);
  e.tag = to_abi_bytes(j.tag);
  if (j.row) {
    const auto& d = *j.row;
    e.seq = d.seq;
    e.token = d.token;
    e.status = d.status;
    e.topic = to_abi(d.topic);
    e.idempotency_key = to_abi(d.idempotency_key);
    e.tag = to_abi_bytes(d.tag);
    e.id = to_abi(d.event->id);
    e.schema = to_abi(d.event->dataschema);
    e.key = to_abi(d.event->subject);
    e.case_id = to_abi(d.event->case_id);
    e.source = to_abi(d.event->source);
    e.tenant = to_abi(d.event->tenant);
    e.site = to_abi(d.event->site);
    e.traceparent = to_abi(d.event->traceparent);
  }
  return e;
}

} // namespace crossdock::host
