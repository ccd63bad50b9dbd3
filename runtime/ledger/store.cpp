#include "ledger/key_file.hpp"
#include "ledger/ledger.hpp"
#include "ledger/node_lock.hpp"
#include "ledger/reader_pool.hpp"
#include "ledger/schema.hpp"
#include "ledger/writer.hpp"

#include <future>
#include <system_error>

namespace crossdock::ledger {
namespace {

constexpr const char* database_name = "ledger.db";
constexpr const char* lock_name = "ledger.lock";

class sqlite_store final : public store {
public:
  sqlite_store(node_lock lock, std::unique_ptr<writer> w,
               std::shared_ptr<reader_pool> readers, std::string public_key)
      : lock_(std::move(lock)), writer_(std::move(w)), readers_(std::move(readers)),
        public_key_(std::move(public_key)) {
    writer_->start();
  }
  ~sqlite_store() override { sqlite_store::close(); }

  void submit(unit u) override { writer_->submit(std::move(u)); }

  result<receipt> commit(unit u) override {
    if (writer_->on_own_thread()) {
      return error(errc::internal, "commit() would wait for the thread it is called on")
          .at("unit", u.name);
    }
    std::promise<result<receipt>> promise;
    auto outcome = promise.get_future();
    u.durable = [&promise, then = std::move(u.durable)](const result<receipt>& r) {
      if (then) {
        then(r);
      }
      promise.set_value(r);
    };
    writer_->submit(std::move(u));
    return outcome.get();
  }

  result<pooled_connection> reader() override { return readers_->take(); }

  std::shared_ptr<void> subscribe(subscription s) override {
    return writer_->subscribe(std::move(s));
  }

  std::uint64_t durable_seq() const override { return writer_->durable_seq(); }
  std::uint64_t applied_seq() const override { return writer_->applied_seq(); }

  result<checkpoint> sign_checkpoint() override {
    if (writer_->on_own_thread()) {
      return error(errc::internal,
                   "sign_checkpoint() would wait for the thread it is called on");
    }
    return writer_->sign();
  }

  std::string public_key() const override { return public_key_; }

  void close() override {
    readers_->close();
    writer_->stop();
  }

private:
  node_lock lock_; ///< given back after the writer has stopped
  std::unique_ptr<writer> writer_;
  std::shared_ptr<reader_pool> readers_;
  std::string public_key_;
};

result<void> check_options(const options& o) {
  if (o.directory.empty()) {
    return error(errc::invalid, "the ledger needs a directory");
  }
  if (!valid_key_name(o.origin)) {
    return error(errc::invalid,
                 "the ledger's origin must be printable ASCII without blanks "
                 "and plus signs, for instance example.com/site-1")
        .at("origin", o.origin);
  }
  if (o.group_records_max == 0 || o.queue_units_max == 0) {
    return error(errc::invalid, "the ledger's group and queue limits must not be zero");
  }
  return {};
}

result<void> make_directory(const std::filesystem::path& directory) {
  std::error_code ec;
  if (std::filesystem::is_directory(directory, ec)) {
    return {};
  }
  std::filesystem::create_directories(directory, ec);
  if (!ec) {
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all, ec);
  }
  if (ec) {
    return error(ec == std::errc::no_space_on_device ? errc::disk_full : errc::io,
                 "cannot make the ledger's directory: " + ec.message())
        .at("file", directory.string());
  }
  return sync_directory(std::filesystem::absolute(directory).parent_path());
}

/// A key without its database means that the database was lost: an empty one must not
/// take its place silently.
result<void> check_database_is_there(const std::filesystem::path& file) {
  std::error_code ec;
  const auto size = std::filesystem::file_size(file, ec);
  if (!ec && size > 0) {
    return {};
  }
  return error(errc::corrupt, "the ledger's key is here, but its database is " +
                                  std::string(ec ? "missing" : "empty") +
                                  ". Nothing was changed. Restore ledger.db from a "
                                  "backup, or move ledger.key "
                                  "and ledger.pub away to begin a new ledger; "
                                  "checkpoints kept elsewhere stay "
                                  "verifiable with ledger.pub")
      .at("file", file.string());
}

/// SQLite's own words, with what to do about them.
error with_remedy(error e, const std::filesystem::path& file) {
  std::string remedy;
  if (e.message().find("that is kept from before") != std::string::npos) {
    return e; // it has its remedy
  }
  switch (e.code()) {
  case errc::corrupt:
    if (e.message().find("Nothing was changed") != std::string::npos ||
        e.message().find("It was not changed") != std::string::npos) {
      return e;
    }
    remedy =
        "the ledger's database is damaged or no database at all. Nothing was changed. "
        "Restore ledger.db from a backup, or move it away together with ledger.key to "
        "begin a new ledger; whatever a checkpoint kept elsewhere covers stays provable "
        "from a backup. ";
    break;
  case errc::busy:
    remedy = "another program holds the ledger's database; stop it. ";
    break;
  case errc::disk_full:
    remedy = "no space for the ledger; free some and start again. ";
    break;
  case errc::io:
    remedy = "the ledger cannot be read or written; check disk and rights. ";
    break;
  default:
    return e;
  }
  error told(e.code(), remedy + "(" + e.message() + ")");
  bool named = false;
  for (const auto& [name, text] : e.context()) {
    named = named || name == "file";
    told.at(name, text);
  }
  if (!named) {
    told.at("file", file.string());
  }
  return told;
}

struct opened {
  std::unique_ptr<sqlite_connection> db;
  std::unique_ptr<record_log> log;
  signing_key key;
};

result<opened> open_database(const options& o, const std::filesystem::path& file) {
  auto key = load_key(o.directory, o.origin);
  if (!key) {
    return key.error();
  }
  if (*key) {
    if (auto r = check_database_is_there(file); !r) {
      return r.error();
    }
  }
  auto db = sqlite_connection::open(file, sqlite_connection::mode::writer);
  if (!db) {
    return db.error();
  }
  // No change of tables without a copy from before: a migration cannot be taken back.
  auto plan = plan_upgrade(**db, o.directory, o.migrations);
  if (!plan) {
    return plan.error();
  }
  if (!plan->copy.empty() && !plan->copy_is_there) {
    if (auto r = keep_copy(**db, plan->copy); !r) {
      return r.error();
    }
  }
  if (auto r = migrate(**db, o.migrations, o.time->now()); !r) {
    return r.error();
  }
  auto log = record_log::load(**db, o.origin);
  if (!log) {
    return log.error();
  }
  if (!*key) {
    if ((*log)->newest()) {
      return error(errc::not_found,
                   "the ledger's signing key is missing; restore ledger.key from a "
                   "backup, or "
                   "move the directory away and begin a new ledger. Nothing was changed; "
                   "signed checkpoints stay verifiable with ledger.pub")
          .at("file", (o.directory / "ledger.key").string());
    }
    // After the database is there, so that a key never stands alone.
    auto created = create_key(o.directory, o.origin, *o.random);
    if (!created) {
      return created.error();
    }
    key = std::optional<signing_key>(*std::move(created));
  }
  if (auto r = (*log)->check_signature((*key)->public_key()); !r) {
    return r.error();
  }
  return opened{*std::move(db), *std::move(log), **std::move(key)};
}

} // namespace

result<std::unique_ptr<store>> store::open(options o) {
  if (auto r = check_options(o); !r) {
    return r.error();
  }
  if (!o.time) {
    o.time = std::make_shared<system_clock>();
  }
  if (!o.random) {
    o.random = std::make_shared<system_random>();
  }
  if (auto r = make_directory(o.directory); !r) {
    return r.error();
  }
  auto lock = node_lock::take(o.directory / lock_name);
  if (!lock) {
    return lock.error();
  }
  const auto file = o.directory / database_name;
  auto parts = open_database(o, file);
  if (!parts) {
    return with_remedy(parts.error(), file);
  }
  auto public_key = parts->key.public_key().str();
  auto w = std::make_unique<writer>(std::move(o), std::move(parts->db),
                                    std::move(parts->log), std::move(parts->key));
  return std::unique_ptr<store>(new sqlite_store(*std::move(lock), std::move(w),
                                                 std::make_shared<reader_pool>(file),
                                                 std::move(public_key)));
}

} // namespace crossdock::ledger
