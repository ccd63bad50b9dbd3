#include "trust/judge.hpp"

#include "base/digest.hpp"
#include "trust/claim.hpp"

#include <algorithm>
#include <iterator>

namespace crossdock::trust {
namespace {

/// A key that expires sooner is worth a note.
constexpr auto soon = std::chrono::days(30);

std::string joined(const std::vector<std::string>& list, const char* between) {
  std::string out;
  for (const auto& s : list) {
    out += (out.empty() ? "" : between) + s;
  }
  return out;
}

class judging {
public:
  judging(const candidate& what, const trust_file* trusted, const hash_list& listed,
          const history& before, timestamp now, const overrides& person)
    : what_(what), trusted_(trusted), listed_(listed), before_(before), now_(now), person_(person) {
    out_.file = what.file;
    out_.sha256 = to_hex(sha256_of(what.bytes));
    out_.id = text_or(what.manifest, "id");
    out_.version = text_or(what.manifest, "version");
    if (const auto it = listed.find(out_.sha256); it != listed.end()) {
      entry_ = &it->second;
    }
  }

  verdict run() {
    if (trusted_ == nullptr) {
      if (entry_ == nullptr) {
        never("the plugin's SHA-256 " + out_.sha256 +
              " is not in the list of allowed files; if you trust this file, write the list "
              "anew with `crossdock plugin lock`");
      }
      return conclude();
    }
    if (const auto it = trusted_->revoked_files.find(out_.sha256);
        it != trusted_->revoked_files.end()) {
      never("this file (SHA-256 " + out_.sha256 + ") was revoked on " + it->second.date + ": " +
            it->second.reason);
    }
    for (const auto& s : what_.signatures) {
      weigh(s);
    }
    count();
    compare_with_before();
    return conclude();
  }

private:
  /// Nothing makes up for this.
  void never(std::string why) { never_.push_back(std::move(why)); }
  /// Its signatures do not admit the file; the list may.
  void not_signed(std::string why) { not_signed_.push_back(std::move(why)); }

  void weigh(const named_signature& s) {
    auto parsed = signature::parse(s.text);
    if (!parsed) {
      not_signed(s.file + ": " + parsed.error().message());
      return;
    }
    const auto id = key_id_text(parsed->id);
    if (const auto it = trusted_->revoked_keys.find(parsed->id);
        it != trusted_->revoked_keys.end()) {
      never(s.file + ": the key " + id + " was revoked on " + it->second.date + ": " +
            it->second.reason);
      return;
    }
    const auto* key = trusted_->find(parsed->id);
    if (key == nullptr) {
      strangers_.push_back(s.file + ": nobody trusts the key " + id + ": it is not in " +
                           trusted_->file);
      return;
    }
    const auto who = s.file + ": key " + key->name + " (" + id + "): ";
    if (auto fits = verify(key->key, what_.bytes, *parsed); !fits) {
      never(who + fits.error().message());
      return;
    }
    auto said = claim::parse(parsed->comment);
    if (!said) {
      not_signed(who + said.error().message());
      return;
    }
    if (const auto other = said->differences({out_.id, out_.version, out_.sha256});
        !other.empty()) {
      never(who + joined(other, "; "));
      return;
    }
    if (std::any_of(out_.signers.begin(), out_.signers.end(),
                    [&](const signer& known) { return known.key_id == id; })) {
      out_.notes.push_back(who + "signed it twice; that counts once");
      return;
    }
    // Whatever else admits the file, whoever signed it can not hand out more than this.
    highest_ = highest_ & key->highest;
    floor_in_process_ = floor_in_process_ && key->floor == isolation::in_process;
    first_party_ = first_party_ || key->first_party;
    if (!key->covers(out_.id)) {
      not_signed(who + "it may not sign for " + out_.id + ", only for ids that begin with " +
                 joined(key->id_prefixes, ", "));
      return;
    }
    if (key->not_after && now_ >= *key->not_after) {
      not_signed(who + "it was valid until " + to_rfc3339(*key->not_after));
      return;
    }
    if (key->not_after && now_ + soon >= *key->not_after) {
      out_.notes.push_back(who + "it is valid until " + to_rfc3339(*key->not_after) +
                           ": have the file signed with its successor");
    }
    out_.signers.push_back({key->name, id, key->as});
  }

  void count() {
    if (what_.signatures.empty()) {
      not_signed("it is not signed: there is no " + what_.file + ".minisig");
      return;
    }
    // A signature that says nothing to us spoils no other: a vendor may sign for somebody else.
    auto& where = out_.signers.empty() ? not_signed_ : out_.notes;
    std::move(strangers_.begin(), strangers_.end(), std::back_inserter(where));
    if (out_.signers.size() < trusted_->signatures_min) {
      not_signed("it has " + std::to_string(out_.signers.size()) + " good signatures and needs " +
                 std::to_string(trusted_->signatures_min));
    }
    for (const auto wanted : trusted_->roles_required) {
      if (std::none_of(out_.signers.begin(), out_.signers.end(),
                       [&](const signer& s) { return s.as == wanted; })) {
        not_signed("no key with the role " + std::string(to_string(wanted)) + " signed it");
      }
    }
  }

  void compare_with_before() {
    if (!before_.new_enough(out_.id, out_.version, out_.sha256)) {
      const auto sentence = "version " + out_.version + " is older than " +
                            before_.highest(out_.id) + ", which was here before";
      if (!person_.downgrade_reason.empty()) {
        out_.notes.push_back(sentence + "; allowed: " + person_.downgrade_reason);
      } else {
        not_signed(sentence + ": if you want the old one back, `crossdock plugin stage "
                              "--allow-downgrade REASON`");
      }
    }
    const auto more =
      before_.wider_than_before(out_.id, out_.sha256, asked_by_plugin(what_.manifest));
    if (!more.empty()) {
      const auto sentence = "it asks for more than the file before it: " + joined(more, ", ");
      if (!person_.wider_accepted_by.empty()) {
        out_.notes.push_back(sentence + "; accepted by " + person_.wider_accepted_by);
      } else {
        not_signed(sentence + ": a person must accept that with `crossdock plugin stage "
                              "--accept-wider NAME`");
      }
    }
  }

  verdict conclude() {
    const bool by_signature = trusted_ != nullptr && not_signed_.empty();
    const bool by_list = entry_ != nullptr;
    if (!never_.empty() || (!by_signature && !by_list)) {
      out_.reasons = std::move(never_);
      out_.reasons.insert(out_.reasons.end(), not_signed_.begin(), not_signed_.end());
      if (trusted_ != nullptr && !by_list && !listed_.empty()) {
        out_.reasons.push_back("its SHA-256 " + out_.sha256 +
                               " is not in the list of allowed files");
      }
      return std::move(out_);
    }
    out_.how = by_signature ? verdict::standing::signed_by : verdict::standing::listed;
    out_.highest = highest_;
    const bool listed_in = by_list && entry_->in_process;
    const bool signed_in = by_signature && floor_in_process_;
    out_.may_run_in_process = listed_in || signed_in;
    out_.runs_in_process = listed_in || (signed_in && first_party_);
    if (!by_signature && !what_.signatures.empty() && trusted_ != nullptr) {
      for (auto& why : not_signed_) {
        out_.notes.push_back("its signature alone would not do: " + std::move(why));
      }
    }
    return std::move(out_);
  }

  const candidate& what_;
  const trust_file* trusted_;
  const hash_list& listed_;
  const history& before_;
  timestamp now_;
  const overrides& person_;
  const allowance* entry_ = nullptr;
  verdict out_;
  std::vector<std::string> never_;
  std::vector<std::string> not_signed_;
  std::vector<std::string> strangers_; ///< signatures of keys that nobody here knows
  cap highest_ = cap::everything();
  bool floor_in_process_ = true;
  bool first_party_ = false;
};

} // namespace

verdict judge(const candidate& what, const trust_file* trusted, const hash_list& listed,
              const history& before, timestamp now, const overrides& person) {
  return judging(what, trusted, listed, before, now, person).run();
}

std::string verdict::standing_text() const {
  if (how == standing::listed) {
    return "in the list of allowed files";
  }
  if (how == standing::refused) {
    return "refused";
  }
  std::string out;
  for (const auto& s : signers) {
    out += (out.empty() ? "signed by " : " and ") + s.key + " (" + s.key_id + ")";
  }
  return out;
}

std::string verdict::why() const {
  return joined(reasons, "; ");
}

json verdict::to_json() const {
  json by = json::array();
  for (const auto& s : signers) {
    by.push_back({{"key", s.key}, {"key_id", s.key_id}, {"role", to_string(s.as)}});
  }
  json out{{"standing", how == standing::refused  ? "refused"
                        : how == standing::listed ? "listed"
                                                  : "signed"},
           {"file", file},
           {"sha256", sha256},
           {"id", id},
           {"version", version},
           {"signers", by},
           {"in_process", runs_in_process}};
  if (!reasons.empty()) {
    out["reasons"] = reasons;
  }
  if (!notes.empty()) {
    out["notes"] = notes;
  }
  return out;
}

} // namespace crossdock::trust
