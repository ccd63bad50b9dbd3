/// A PostgreSQL of the test's own: Debian's binaries, an unprivileged user, a private
/// folder, a free port on 127.0.0.1. Nothing of it outlives its owner.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

struct pg_conn;

namespace sql_fixture {

/// A plain connection of the test's own, beside the connector's.
class postgres_database {
public:
  explicit postgres_database(const std::string& url);
  ~postgres_database();
  postgres_database(const postgres_database&) = delete;
  postgres_database& operator=(const postgres_database&) = delete;

  void run(const std::string& sql);
  /// The first value of the last row; empty if there is none or it is NULL.
  std::string one(const std::string& sql);

private:
  pg_conn* connection_;
};

class postgres_server {
public:
  /// The folder of its programs, or nothing where the package is not installed.
  static std::optional<std::string> programs();

  /// `source`: the repository, whose example database is made as "example".
  explicit postgres_server(const std::string& source);
  ~postgres_server();
  postgres_server(const postgres_server&) = delete;
  postgres_server& operator=(const postgres_server&) = delete;

  int port() const { return port_; }
  /// As the owner of everything.
  std::string owner_url(const std::string& database) const;
  /// As the connector's login; its password apart.
  std::string url(const std::string& database, int port = 0) const;
  static const char* password() { return "s3cret-of-the-test"; }

  /// A new database like "example".
  std::string make_database();

  void start();
  void stop();
  /// The whole server at once, as if somebody had pulled the plug on its processes.
  void kill9();

private:
  std::vector<std::string> as_user() const;
  void must(const std::vector<std::string>& command) const;

  std::string folder_, programs_;
  uid_t user_ = 0;
  gid_t group_ = 0;
  int port_ = 0;
  pid_t pid_ = -1;
  int databases_ = 0;
};

} // namespace sql_fixture
