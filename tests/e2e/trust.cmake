crossdock_test(e2e/trust LIBS crossdock_test_support crossdock_ledger LABELS e2e TIMEOUT 600)
add_dependencies(e2e_trust_test crossdock-plugin)
