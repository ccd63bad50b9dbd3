crossdock_test(e2e/trust LIBS crossdock_test_support crossdock_ledger LABELS e2e TIMEOUT 600)
add_dependencies(e2e_trust_test crossdock-plugin plugin_order-next)
target_compile_definitions(e2e_trust_test PRIVATE
  ORDER_NEXT="${CMAKE_BINARY_DIR}/test-versions/order-next.so")
