/// One connector of a node's configuration, loaded with the node's own checks and hosted
/// so that it can only read.
///
/// What makes it so: no event is ever handed to it but a call of a tool that the
/// catalogue says reads; START is not among them, so it polls nothing. Of what it asks
/// for in a step the answer alone is taken: what it would send, remember or propose goes
/// nowhere. A component whose configuration knows `read_only` is told so. The copy that
/// is mapped lies in a temporary folder; the node's data folder is not touched.
#pragma once

#include "assess/assessment.hpp"
#include "assess/reader.hpp"
#include "base/catalogue.hpp"
#include "node/config.hpp"

#include <memory>

namespace crossdock::assess {

class connector {
public:
  /// `component`: which one, if several connectors offer a history; empty: the only one.
  /// Errors: as node::admit and host::component::from_manifest; not_found (no
  /// connector offers a history, or none has this name), invalid (there are several).
  static result<std::unique_ptr<connector>> open(const node::config& config,
                                                 std::shared_ptr<const catalogue> words,
                                                 const std::string& component);
  ~connector();
  connector(const connector&) = delete;
  connector& operator=(const connector&) = delete;

  /// Errors: denied (the tool writes, or the system of record refused the login),
  /// not_found and invalid (not offered; refused), unavailable (not now), plugin.
  result<document> call(const std::string& tool, const json& args);

  /// "sql of crossdock.sql 0.1.0 sha256:...".
  std::string described() const;

private:
  connector() = default;
  struct parts;
  std::unique_ptr<parts> parts_;
};

/// What the configuration's flows and agents address. Reads flow files and manifests;
/// runs no plugin code. Errors name the file.
result<addressing> read_addressing(const node::config& config);

} // namespace crossdock::assess
