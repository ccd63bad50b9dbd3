crossdock_test(integration/host LIBS crossdock_host crossdock_supervise TIMEOUT 120)
add_dependencies(integration_host_test crossdock_test_plugins crossdock-plugin-host)
target_compile_definitions(integration_host_test PRIVATE
  TEST_PLUGINS="${CMAKE_BINARY_DIR}/test-plugins"
  PLUGIN_HOST="$<TARGET_FILE:crossdock-plugin-host>"
  TEST_CATALOGUE="${CMAKE_CURRENT_SOURCE_DIR}/data/catalogue")
