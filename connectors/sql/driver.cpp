#include "driver.hpp"

#include <fstream>

namespace crossdock::sql {

void validate(const connect_options& options) {
  // libpq would say what it stumbled over, which may be a part of the password.
  if (options.driver == product::postgresql && postgres_name_of(options).empty())
    throw database_error{trouble::schema,
                         "'database' is not what PostgreSQL's client understands: write "
                         "it as \"postgresql://user@host/name\" or as \"host=... "
                         "dbname=... user=...\""};
  if (options.driver == product::sqlite && !options.search_path.empty())
    throw database_error{trouble::schema,
                         "'search_path' is of PostgreSQL: remove it, or set driver = "
                         "\"postgresql\""};
  password_of(options);
}

std::unique_ptr<connection> open(const connect_options& options, instant until) {
  return options.driver == product::sqlite ? open_sqlite(options)
                                           : open_postgres(options, until);
}

bool can_listen(product driver) {
  return driver == product::postgresql;
}

std::unique_ptr<listener> listen(const connect_options& options,
                                 const std::set<std::string>& channels, instant until) {
  if (!can_listen(options.driver))
    throw database_error{trouble::schema, "SQLite has no channels to listen to"};
  return listen_postgres(options, channels, until);
}

std::string name_of(const connect_options& options) {
  return options.driver == product::sqlite ? options.database : postgres_name_of(options);
}

std::string password_of(const connect_options& options) {
  if (options.password_file.empty())
    return options.password;
  std::ifstream file{options.password_file};
  std::string line;
  if (!file || !std::getline(file, line) || line.empty())
    throw database_error{trouble::unreachable,
                         "'password_file' " + options.password_file +
                             " cannot be read: check the path and that the node's user "
                             "may read it"};
  return line;
}

} // namespace crossdock::sql
