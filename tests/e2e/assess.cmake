# The command in this process, on what was built: no node runs, so none is needed.
crossdock_test(e2e/assess LIBS crossdock_assess crossdock_cli crossdock_sim LABELS e2e
  TIMEOUT 600)
target_compile_definitions(e2e_assess_test PRIVATE
  TEST_PLUGIN_FOLDER="${CMAKE_BINARY_DIR}/plugins"
  TEST_SOURCE_FOLDER="${PROJECT_SOURCE_DIR}")
add_dependencies(e2e_assess_test plugin_sql plugin_order)
