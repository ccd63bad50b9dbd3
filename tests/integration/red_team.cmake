crossdock_test(integration/red_team LIBS crossdock_host crossdock_supervise TIMEOUT 300)
add_dependencies(integration_red_team_test crossdock_test_plugins crossdock_hostile_plugins
  crossdock-plugin-host)
target_compile_definitions(integration_red_team_test PRIVATE
  TEST_PLUGINS="${CMAKE_BINARY_DIR}/test-plugins" HOSTILE_PLUGINS="${CROSSDOCK_HOSTILE_PLUGINS}"
  PLUGIN_HOST="$<TARGET_FILE:crossdock-plugin-host>"
  TEST_CATALOGUE="${CMAKE_CURRENT_SOURCE_DIR}/data/catalogue")
