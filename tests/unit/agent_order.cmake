crossdock_test(unit/agent_order LIBS crossdock_order crossdock_manifest valijson
  SOURCES ${PROJECT_SOURCE_DIR}/plugins/order/order.cpp)
target_compile_definitions(unit_agent_order_test PRIVATE
  CROSSDOCK_CATALOGUE="${PROJECT_SOURCE_DIR}/config/catalogue"
  CROSSDOCK_PLUGIN_TOML="${PROJECT_SOURCE_DIR}/plugins/order/plugin.toml")
