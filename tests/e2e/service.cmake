crossdock_test(e2e/service LIBS crossdock_test_support crossdock_ledger LABELS e2e TIMEOUT 600)
add_dependencies(e2e_service_test crossdock)
target_compile_definitions(e2e_service_test PRIVATE
  TEST_UNIT_FOLDER="${CMAKE_BINARY_DIR}/tools/package/here")
