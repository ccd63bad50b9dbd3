/// Private to the room: read-only connections that are kept for the next reader.
#pragma once

#include "ledger/connection.hpp"

#include <mutex>

namespace crossdock::ledger {

/// Safe from any thread. A connection that is out keeps the pool alive.
class reader_pool : public std::enable_shared_from_this<reader_pool> {
public:
  explicit reader_pool(std::filesystem::path file) : file_(std::move(file)) {}

  /// Errors: as open_reader, and busy when too many connections are out.
  result<pooled_connection> take();
  /// Closes what is in; what is out closes when it comes back.
  void close();

private:
  void give_back(std::unique_ptr<sqlite_connection> c);

  std::filesystem::path file_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<sqlite_connection>> idle_;
  std::size_t out_ = 0;
  bool closed_ = false;
};

} // namespace crossdock::ledger
