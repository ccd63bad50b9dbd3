# Versions of one agent, for tests and benchmarks of swaps: KEEPER-NAME.so in
# CROSSDOCK_TEST_VERSIONS; depend on the target crossdock_test_versions.
set(CROSSDOCK_TEST_VERSIONS ${CMAKE_BINARY_DIR}/test-versions)
set(versions_dir ${CMAKE_CURRENT_LIST_DIR})
set(version_targets)
# Compiled once; each version has its own few lines of C and its manifest.
add_library(test_keeper OBJECT ${versions_dir}/keeper.cpp)
target_link_libraries(test_keeper PRIVATE Crossdock::sdk crossdock_options)
target_compile_options(test_keeper PRIVATE -fvisibility=hidden -fvisibility-inlines-hidden
  $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
# NAME VERSION VARIANT INFLIGHT SCHEMA RESTORES_FROM
foreach(line
    "one 1.0.0 plain carry 1 1" "two 2.0.0 plain carry 1 1"
    "wait 1.1.0 plain wait 1 1" "cancel 1.2.0 plain cancel 1 1"
    "otherwise 2.1.0 otherwise carry 1 1" "fails 2.2.0 fails carry 1 1"
    "hangs 2.3.0 hangs carry 1 1" "refuses_state 2.4.0 refuses_state carry 1 1"
    "hangs_in_restore 2.5.0 hangs_in_restore carry 1 1"
    "fails_at_start 2.6.0 fails_at_start carry 1 1"
    "migrates 3.0.0 migrates carry 2 1,2" "reads_none 4.0.0 plain carry 3 3")
  separate_arguments(line)
  list(GET line 0 name)
  list(GET line 1 version)
  list(GET line 2 variant)
  list(GET line 3 inflight)
  list(GET line 4 schema)
  list(GET line 5 restores_from)
  configure_file(${versions_dir}/keeper.toml.in ${CMAKE_BINARY_DIR}/versions/${name}.toml @ONLY)
  configure_file(${versions_dir}/version.c.in ${CMAKE_BINARY_DIR}/versions/${name}.c @ONLY)
  crossdock_add_plugin(NAME keeper-${name}
    SOURCES $<TARGET_OBJECTS:test_keeper> ${CMAKE_BINARY_DIR}/versions/${name}.c
    MANIFEST ${CMAKE_BINARY_DIR}/versions/${name}.toml OUTPUT_DIRECTORY ${CROSSDOCK_TEST_VERSIONS})
  list(APPEND version_targets plugin_keeper-${name})
endforeach()
add_custom_target(crossdock_test_versions DEPENDS ${version_targets})
