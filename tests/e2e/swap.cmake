# The order agent once more, as its next version.
file(READ ${PROJECT_SOURCE_DIR}/plugins/order/plugin.toml manifest)
string(REGEX REPLACE "\nversion = \"[^\"]*\"" "\nversion = \"0.2.0\"" manifest "${manifest}")
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/versions/order-next.toml CONTENT "${manifest}" @ONLY)
crossdock_add_plugin(NAME order-next SOURCES ${PROJECT_SOURCE_DIR}/plugins/order/order.cpp
  MANIFEST ${CMAKE_BINARY_DIR}/versions/order-next.toml LIBRARIES crossdock_order
  OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test-versions)
crossdock_test(e2e/swap LIBS crossdock_test_support crossdock_ledger LABELS e2e TIMEOUT 300)
add_dependencies(e2e_swap_test plugin_order-next crossdock-plugin-host)
target_compile_definitions(e2e_swap_test PRIVATE
  ORDER_NEXT="${CMAKE_BINARY_DIR}/test-versions/order-next.so")
