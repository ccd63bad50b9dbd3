crossdock_test(unit/plugin_file LIBS crossdock_host_plugins)
add_dependencies(unit_plugin_file_test crossdock_test_plugins)
target_compile_definitions(unit_plugin_file_test PRIVATE
  TEST_PLUGINS="${CMAKE_BINARY_DIR}/test-plugins")
