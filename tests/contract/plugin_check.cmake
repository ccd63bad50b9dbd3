# A file for each reason to fail a check; the number is the one in broken.c.
set(broken_number 0)
set(broken_plugins)
foreach(name good crash_on_config instance_on_failure unknown_component leak_life leak_step shared_state
    crash_on_empty scribble hang_on_depth undeclared_topic act_on_unknown crash_on_denied
    clock_in_effects wandering_snapshot restore_loses crash_on_damaged_state ignores_host_failure
    needs_exact_host shares_environment trusts_malloc)
  crossdock_add_plugin(NAME broken-${name} SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/contract/broken/broken.c
    MANIFEST ${CMAKE_CURRENT_SOURCE_DIR}/contract/broken/broken.toml
    OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/broken-plugins)
  target_compile_definitions(plugin_broken-${name} PRIVATE BROKEN=${broken_number} _GNU_SOURCE)
  target_compile_options(plugin_broken-${name} PRIVATE -Wno-conversion)
  math(EXPR broken_number "${broken_number} + 1")
  list(APPEND broken_plugins plugin_broken-${name})
endforeach()
crossdock_test(contract/plugin_check LIBS crossdock_kit LABELS contract TIMEOUT 300)
target_compile_definitions(contract_plugin_check_test PRIVATE
  BROKEN_PLUGINS="${CMAKE_BINARY_DIR}/broken-plugins" TEST_PLUGINS="${CMAKE_BINARY_DIR}/test-plugins"
  TEST_CATALOGUE="${CMAKE_CURRENT_SOURCE_DIR}/data/catalogue" OWN_PLUGINS="${CMAKE_BINARY_DIR}/plugins")
add_dependencies(contract_plugin_check_test ${broken_plugins} crossdock_test_plugins plugin_order
  plugin_replenishment plugin_warehouse)
