# Plugin files that host tests load: good ones, and one for each reason to refuse a file. They
# lie in CROSSDOCK_TEST_PLUGINS; depend on the target crossdock_test_plugins.
set(CROSSDOCK_TEST_PLUGINS ${CMAKE_BINARY_DIR}/test-plugins)
set(plugins_dir ${CMAKE_CURRENT_SOURCE_DIR}/contract/plugins)
foreach(name thrower sleeper echo proposer crasher dialer)
  crossdock_add_plugin(NAME ${name} SOURCES ${plugins_dir}/${name}.cpp
    MANIFEST ${plugins_dir}/${name}.toml OUTPUT_DIRECTORY ${CROSSDOCK_TEST_PLUGINS})
endforeach()
crossdock_add_plugin(NAME bad_abi SOURCES ${plugins_dir}/bad_abi.c
  MANIFEST ${plugins_dir}/bad_abi.toml OUTPUT_DIRECTORY ${CROSSDOCK_TEST_PLUGINS})
crossdock_add_plugin(NAME no_manifest SOURCES ${plugins_dir}/echo.cpp WITHOUT_MANIFEST
  UNCHECKED OUTPUT_DIRECTORY ${CROSSDOCK_TEST_PLUGINS})
crossdock_add_plugin(NAME extra_export SOURCES ${plugins_dir}/extra_export.cpp UNCHECKED
  MANIFEST ${plugins_dir}/extra_export.toml MAP ${plugins_dir}/extra_export.map
  OUTPUT_DIRECTORY ${CROSSDOCK_TEST_PLUGINS})
add_custom_target(crossdock_test_plugins DEPENDS plugin_thrower plugin_sleeper plugin_echo plugin_proposer plugin_crasher plugin_dialer
  plugin_bad_abi plugin_no_manifest plugin_extra_export)
