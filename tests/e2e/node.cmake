add_library(crossdock_test_support STATIC ${CMAKE_CURRENT_SOURCE_DIR}/support/node_process.cpp)
target_include_directories(crossdock_test_support PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(crossdock_test_support PUBLIC crossdock_base SQLite::SQLite3
  PRIVATE crossdock_options)
target_compile_definitions(crossdock_test_support PRIVATE
  TEST_CROSSDOCKD="${CMAKE_BINARY_DIR}/bin/crossdockd"
  TEST_CROSSDOCK="${CMAKE_BINARY_DIR}/bin/crossdock"
  TEST_SIM="${CMAKE_BINARY_DIR}/bin/crossdock-sim"
  TEST_PLUGIN_FOLDER="${CMAKE_BINARY_DIR}/plugins"
  TEST_TEST_PLUGIN_FOLDER="${CMAKE_BINARY_DIR}/test-plugins"
  TEST_SOURCE_FOLDER="${PROJECT_SOURCE_DIR}")
add_dependencies(crossdock_test_support crossdockd crossdock-plugin-host crossdock crossdock-sim plugin_sql plugin_order
  plugin_replenishment plugin_warehouse crossdock_test_plugins)

crossdock_test(e2e/node LIBS crossdock_test_support crossdock_ledger LABELS e2e TIMEOUT 600)
crossdock_test(e2e/undo LIBS crossdock_test_support crossdock_ledger LABELS e2e TIMEOUT 600)
crossdock_test(e2e/refusals LIBS crossdock_test_support crossdock_ledger LABELS e2e TIMEOUT 300)
crossdock_test(e2e/proposal LIBS crossdock_test_support crossdock_ledger LABELS e2e TIMEOUT 600)
crossdock_test(e2e/watch LIBS crossdock_test_support LABELS e2e TIMEOUT 300)
if(CROSSDOCK_SANITIZE)
  set(kills CROSSDOCK_KILLS=12) # each start is several times slower
else()
  set(kills CROSSDOCK_KILLS=100)
endif()
crossdock_test(fault/kill LIBS crossdock_test_support crossdock_ledger SOURCES fault/books.cpp
  LABELS fault TIMEOUT 1500
  ENVIRONMENT ${kills})
