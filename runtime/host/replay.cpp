#include "host/replay.hpp"

namespace crossdock::host {

using dispatch::delivery_kind;

void note(asked_before& before, const journal_entry& e) {
  for (const auto& a : e.asks) {
    before.emplace(a.request, a);
  }
}

std::ptrdiff_t apply_changes(memory_view& memory, const memory_changes& changes) {
  std::ptrdiff_t grown = 0;
  for (const auto& [key, value] : changes) {
    if (const auto it = memory.find(key); it != memory.end()) {
      grown -= static_cast<std::ptrdiff_t>(key.size() + it->second.bytes.size());
      memory.erase(it);
    }
    if (value) {
      grown += static_cast<std::ptrdiff_t>(key.size() + value->bytes.size());
      memory.emplace(key, *value);
    }
  }
  return grown;
}

replay::replay(std::shared_ptr<const component> what, std::shared_ptr<instance> object,
               std::shared_ptr<const catalogue> words, memory_view memory)
    : component_(std::move(what)), instance_(std::move(object)), words_(std::move(words)),
      memory_(std::make_shared<memory_view>(std::move(memory))) {
  for (const auto& [key, value] : *memory_) {
    memory_bytes_ += key.size() + value.bytes.size();
  }
}

std::optional<std::string> replay::take_open(const asked& a) {
  const auto it = open_.find({a.name, a.digest});
  if (it == open_.end()) {
    return std::nullopt;
  }
  auto tag = std::move(it->second.front());
  it->second.pop_front();
  if (it->second.empty()) {
    open_.erase(it);
  }
  return tag;
}

std::vector<asked> replay::open() const {
  std::vector<asked> out;
  for (const auto& [words, tags] : open_) {
    out.insert(out.end(), tags.size(), asked{0, words.first, words.second});
  }
  return out;
}

replay::fed replay::feed(const journal_entry& e, const asked_before& before) {
  if (!e.what.row) {
    return fed::nothing;
  }
  auto j = e.what;
  if (j.row->kind == delivery_kind::result) {
    // What was asked before the journal begins comes back with the tag it had.
    if (const auto it = before.find(j.row->token); it != before.end()) {
      auto tag = take_open(it->second);
      if (!tag) {
        return fed::not_asked;
      }
      j.row->tag = *std::move(tag);
    }
  }
  const auto text = text_of(j, *component_, *words_);
  auto event = describe(j, *text, e.at, e.at + component_->limits.step_hard);
  event.flags |= CDK_F_REPLAY;
  last_ = std::make_shared<step>(component_, words_, next_request_,
                                 std::make_shared<seeded_random>(e.seed), memory_,
                                 memory_bytes_, e.at);
  next_request_ += component_->limits.effects_max;
  instance_->handle(*last_, event);
  if (last_->status < 0) {
    return fed::handled;
  }
  for (const auto& one : last_->effects) {
    if (auto a = asked_by(one)) {
      open_[{a->name, a->digest}].push_back(tag_of(one));
    }
  }
  if (!last_->changes.empty()) {
    memory_bytes_ = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(memory_bytes_) +
                                             apply_changes(*memory_, last_->changes));
    instance_->remembered();
  }
  return fed::handled;
}

} // namespace crossdock::host
