crossdock_test(contract/plugin_sign LIBS crossdock_kit crossdock_trust crossdock_manifest LABELS contract
  ENVIRONMENT TEST_PLUGINS=${CMAKE_BINARY_DIR}/test-plugins)
add_dependencies(contract_plugin_sign_test crossdock_test_plugins)
