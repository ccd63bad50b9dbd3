crossdock_test(contract/sdk_check LIBS crossdock_manifest LABELS contract)
add_dependencies(contract_sdk_check_test crossdock_test_plugins)
target_compile_definitions(contract_sdk_check_test PRIVATE
  TEST_PLUGINS="${CMAKE_BINARY_DIR}/test-plugins")
