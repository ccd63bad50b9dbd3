add_executable(e2e_examples_test ${CMAKE_CURRENT_SOURCE_DIR}/e2e/examples_test.cpp)
target_include_directories(e2e_examples_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(e2e_examples_test PRIVATE crossdock_test_main crossdock_test_support crossdock_options)
catch_discover_tests(e2e_examples_test TEST_PREFIX "e2e/examples: " DISCOVERY_MODE PRE_TEST
  PROPERTIES TIMEOUT 300 LABELS e2e FIXTURES_REQUIRED sdk_examples
    ENVIRONMENT EXAMPLE_PLUGINS=${CMAKE_BINARY_DIR}/sdk-examples/plugins)
