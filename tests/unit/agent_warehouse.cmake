crossdock_test(unit/agent_warehouse LIBS crossdock_warehouse crossdock_manifest valijson
  SOURCES ${PROJECT_SOURCE_DIR}/plugins/warehouse/warehouse.cpp)
target_compile_definitions(unit_agent_warehouse_test PRIVATE
  CROSSDOCK_CATALOGUE="${PROJECT_SOURCE_DIR}/config/catalogue"
  CROSSDOCK_PLUGIN_TOML="${PROJECT_SOURCE_DIR}/plugins/warehouse/plugin.toml")
