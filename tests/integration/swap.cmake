crossdock_test(integration/swap LIBS crossdock_host TIMEOUT 180)
add_dependencies(integration_swap_test crossdock_test_versions crossdock-plugin-host)
target_compile_definitions(integration_swap_test PRIVATE
  TEST_PLUGINS="${CMAKE_BINARY_DIR}/test-versions"
  PLUGIN_HOST="$<TARGET_FILE:crossdock-plugin-host>"
  TEST_CATALOGUE="${CMAKE_CURRENT_SOURCE_DIR}/data/catalogue")
