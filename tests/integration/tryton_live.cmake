# A real Tryton on loopback, one per case (tools/erp/tryton; the first of a day builds its
# database, about a minute). Skipped, and shown as skipped, where Tryton is not installed.
add_executable(integration_tryton_live_test integration/tryton_live_test.cpp)
target_link_libraries(integration_tryton_live_test PRIVATE
  crossdock_test_main crossdock_tryton crossdock_options)
target_compile_definitions(integration_tryton_live_test PRIVATE
  CROSSDOCK_ERP_TOOL="${PROJECT_SOURCE_DIR}/tools/erp/tryton")
catch_discover_tests(integration_tryton_live_test TEST_PREFIX "integration/tryton_live: "
  DISCOVERY_MODE PRE_TEST
  PROPERTIES TIMEOUT 300 LABELS slow RESOURCE_LOCK tryton
  SKIP_REGULAR_EXPRESSION "SKIPPED: ")
