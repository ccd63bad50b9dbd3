# The SDK as it is installed, and every example against it. The node of e2e/examples loads what
# this leaves.
set(CROSSDOCK_EXAMPLES_WORK ${CMAKE_BINARY_DIR}/sdk-examples)
add_test(NAME "contract/sdk_examples: the installed SDK builds and tests every example without CAF"
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/contract/sdk_examples.sh ${PROJECT_SOURCE_DIR}
    ${CROSSDOCK_EXAMPLES_WORK} quick)
set_tests_properties("contract/sdk_examples: the installed SDK builds and tests every example without CAF"
  PROPERTIES TIMEOUT 900 LABELS contract FIXTURES_SETUP sdk_examples)
add_test(NAME "contract/sdk_examples: every example by g++ and clang, C++17 and C++20, debug and release"
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/contract/sdk_examples.sh ${PROJECT_SOURCE_DIR}
    ${CMAKE_BINARY_DIR}/sdk-matrix matrix)
set_tests_properties("contract/sdk_examples: every example by g++ and clang, C++17 and C++20, debug and release"
  PROPERTIES TIMEOUT 1800 LABELS slow)
add_test(NAME "contract/tutorial: a stranger's ten minutes work against the installed SDK"
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/contract/tutorial.sh
    ${PROJECT_SOURCE_DIR}/docs/tutorial/first-plugin.md ${CROSSDOCK_EXAMPLES_WORK}/sdk)
set_tests_properties("contract/tutorial: a stranger's ten minutes work against the installed SDK"
  PROPERTIES TIMEOUT 300 LABELS contract FIXTURES_REQUIRED sdk_examples)
