crossdock_test(unit/dispatch LIBS crossdock_intake crossdock_dispatch crossdock_ledger)
target_compile_definitions(unit_dispatch_test PRIVATE
  TEST_CATALOGUE="${PROJECT_SOURCE_DIR}/config/catalogue")
