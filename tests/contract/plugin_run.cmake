crossdock_test(contract/plugin_run LIBS crossdock_kit LABELS contract
  ENVIRONMENT TEST_PLUGINS=${CMAKE_BINARY_DIR}/test-plugins)
add_dependencies(contract_plugin_run_test crossdock_test_plugins)
