crossdock_test(contract/plugin_inspect LIBS crossdock_kit LABELS contract)
add_dependencies(contract_plugin_inspect_test crossdock_test_plugins plugin_sql)
target_compile_definitions(contract_plugin_inspect_test PRIVATE
  TEST_PLUGINS="${CMAKE_BINARY_DIR}/test-plugins"
  SQL_PLUGIN="$<TARGET_PROPERTY:plugin_sql,CROSSDOCK_PLUGIN_FILE>")
