/// LEDGER: the one writer of everything durable.
///
/// Promises
///  - A unit of work (preconditions, row changes, records) commits whole or not at all.
///  - Records have one total order, `seq`, without gaps, fixed when a unit is applied.
///  - When `durable` is called, the unit and every unit before it survive kill -9 and
///  power
///    loss (SQLite, WAL, synchronous=FULL; one connection writes and checkpoints).
///  - Readers see committed state only, so whatever they show has passed the
///  output-commit rule.
///  - A failed commit or sync is never retried: every waiting unit fails, nothing more is
///    accepted, `failed` is called once, and the node stops.
///  - The records form an RFC 6962 Merkle tree over their canonical headers; a checkpoint
///    (C2SP signed note, Ed25519) is signed each second while there is something new.
#pragma once

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "base/json.hpp"
#include "ledger/sqlite.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace crossdock::ledger {

/// How soon a record must be durable. a: before it is acknowledged or has an effect
/// outside; b: ordered at once, durable with the next commit; c: counted, not recorded
/// singly.
enum class record_class : char { a = 'A', b = 'B', c = 'C' };

/// What a room wants recorded. seq, time, channel number and hashes are added by the
/// writer.
struct record {
  std::string kind; ///< "envelope", "verdict", "approval", "effect", "plugin", ...
  record_class cls = record_class::b;
  std::string id;     ///< the envelope's, approval's or effect's id
  std::string source; ///< who sent or did it: "order", "person:maria", "gate"
  std::string target; ///< for whom; with source it names the channel, numbered gaplessly
  std::string tenant;
  std::string case_id;
  std::string principal; ///< the person or component in whose name
  std::string schema;    ///< of the body
  std::string traceparent;
  std::vector<std::string> labels;
  std::vector<std::uint64_t> causes; ///< seq of what led to it
  json detail = json::object();      ///< goes into the header: canonical, so no floats
  std::string body;                  ///< stored apart; the header carries its SHA-256
};

/// What a unit may do, on the writer's thread, between begin and commit.
class transaction {
public:
  virtual ~transaction() = default;

  /// Appends a record and returns its seq. Errors: invalid (no canonical form), limit,
  /// io.
  virtual result<std::uint64_t> append(const record& r) = 0;
  /// Runs a statement of this database; see `connection`. Rows written by units applied
  /// before are visible, committed or not.
  virtual connection& db() = 0;
  /// Writes a row with the group's commit instead of now, unless it is dropped or replaced (same
  /// key) before: what lives shorter than a group never reaches the database. Statements do not
  /// see it until `settle`. The key names the row among all rooms ("delivery/17").
  virtual void defer(std::string key, std::function<result<void>(connection&)> write) = 0;
  /// Takes back what is deferred under `key`; false: nothing is, so the row (if there is one) is
  /// in the database.
  virtual bool drop(const std::string& key) = 0;
  /// Writes what is deferred now, so that statements of this unit see it.
  virtual result<void> settle() = 0;
  /// One time for the whole unit; never goes back.
  virtual timestamp now() const = 0;
  /// Called after the unit was applied, in the order of seq, on the writer's thread: for
  /// handing out work inside the node. Not called if the unit fails.
  virtual void on_applied(std::function<void()> action) = 0;
  /// Called once the unit is durable, on the writer's thread: for every way out of the
  /// node.
  virtual void on_durable(std::function<void()> action) = 0;
  /// Called if the unit fails, last one first: for what a room keeps in memory and changes
  /// within its units.
  virtual void on_undone(std::function<void()> action) = 0;
};

struct receipt {
  std::uint64_t first_seq = 0; ///< 0 if the unit appended nothing
  std::uint64_t last_seq = 0;  ///< the last seq assigned when the unit was applied
};

/// `apply` must capture values, not references into an actor. If it returns an error,
/// nothing of it remains and both callbacks get that error (`durable` with the group).
struct unit {
  std::string name;                   ///< for messages and metrics: "dispatch.step"
  record_class cls = record_class::b; ///< a: commit at once; b: with the group
  std::function<result<void>(transaction&)> apply;
  std::function<void(const result<receipt>&)> applied; ///< after the on_applied actions
  std::function<void(const result<receipt>&)> durable; ///< after the on_durable actions
};

/// A step of a room's schema. Applied in order of version, each in the opening
/// transaction and once; what is applied is written down in table `schema_version(room,
/// version, applied_at)`.
struct migration {
  std::string room;
  int version = 0; ///< 1, 2, 3, ... per room
  std::string sql;
};

struct options {
  std::filesystem::path directory; ///< holds ledger.db, ledger.key (0600) and ledger.pub
  std::string origin = "crossdock.local/ledger"; ///< first line of every checkpoint
  std::shared_ptr<const clock> time;
  std::shared_ptr<random_source> random;
  std::vector<migration> migrations;          ///< of the other rooms
  std::chrono::microseconds group_wait{2000}; ///< how long class b may wait for company
  std::size_t group_records_max = 256;
  std::size_t queue_units_max = 8192; ///< submit() blocks beyond it
  std::chrono::milliseconds checkpoint_every{1000};
  /// Asked before each checkpoint: counters of class c, recorded as one record "counts"
  /// if anything else is new. May be empty.
  std::function<json()> counters;
  /// Called once, on the writer's thread, when a commit failed.
  std::function<void(const error&)> failed;
};

struct checkpoint {
  std::uint64_t size = 0; ///< records covered
  sha256 root{};
  timestamp time;
  std::string note; ///< the signed note
};

struct subscription; ///< ledger/live.hpp

class store {
public:
  /// Opens or creates. Migrates. Checks that the database is whole and belongs to the
  /// key. Errors: busy (another node has it), corrupt, version (written by a newer
  /// crossdock), io, disk_full; each names the file and the remedy.
  static result<std::unique_ptr<store>> open(options o);
  virtual ~store() = default;

  /// Hands in a unit; units are applied in the order of this call. Blocks while the queue
  /// is full. After a failure or close() the unit's callbacks get `unavailable`.
  virtual void submit(unit u) = 0;
  /// submit() and wait until it is durable. Not from the writer's thread.
  virtual result<receipt> commit(unit u) = 0;
  /// A read-only view of committed state, from a small pool; safe from any thread. The
  /// connection goes back when the handle is dropped.
  virtual result<pooled_connection> reader() = 0;

  /// Tells of records once they are durable, until the handle is dropped (a call that is
  /// under way then still ends).
  virtual std::shared_ptr<void> subscribe(subscription s) = 0;

  virtual std::uint64_t durable_seq() const = 0;
  virtual std::uint64_t applied_seq() const = 0;
  /// Signs what is durable now, also if a second has not passed.
  virtual result<checkpoint> sign_checkpoint() = 0;
  /// The verification key as a C2SP vkey line.
  virtual std::string public_key() const = 0;
  /// Finishes what is queued, signs a last checkpoint, closes. Idempotent.
  virtual void close() = 0;
};

/// One stored record, as it is read back.
struct stored_record {
  std::uint64_t seq = 0;
  std::string header; ///< canonical JSON
  std::string body;
};
/// Records first..last (inclusive, at most `limit`), optionally of one case.
result<std::vector<stored_record>> read_records(connection& db, std::uint64_t first,
                                                std::uint64_t last, std::size_t limit,
                                                std::string_view case_id = {});

/// Records after `after` of these kinds, in order; what else is there is not read.
result<std::vector<stored_record>> read_records_of(connection& db,
                                                   const std::vector<std::string>& kinds,
                                                   std::uint64_t after, std::size_t limit);

struct verification {
  std::uint64_t records = 0;
  std::uint64_t checkpoints = 0;
  std::uint64_t covered = 0; ///< records under the newest good checkpoint
  std::string root_hex;
  std::vector<std::string>
      findings; ///< empty if everything holds; each names seq and what
  bool good() const { return findings.empty(); }
};
/// Recomputes everything from the file alone, also while a node writes to it: headers are
/// canonical and numbered without gaps, bodies match their hashes, channel numbers have
/// no gaps, every checkpoint's root and signature hold. `vkey` empty: the key beside the
/// file. `progress(done, total)` may be empty.
result<verification>
verify(const std::filesystem::path& directory, std::string_view vkey,
       const std::function<void(std::uint64_t, std::uint64_t)>& progress);

} // namespace crossdock::ledger
