crossdock_test(unit/agent_replenishment LIBS crossdock_replenishment crossdock_manifest valijson
  SOURCES ${PROJECT_SOURCE_DIR}/plugins/replenishment/replenishment.cpp)
target_compile_definitions(unit_agent_replenishment_test PRIVATE
  CROSSDOCK_CATALOGUE="${PROJECT_SOURCE_DIR}/config/catalogue"
  CROSSDOCK_PLUGIN_TOML="${PROJECT_SOURCE_DIR}/plugins/replenishment/plugin.toml")
