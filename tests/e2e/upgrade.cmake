crossdock_test(e2e/upgrade LIBS crossdock_test_support crossdock_ledger LABELS e2e TIMEOUT 600)
add_dependencies(e2e_upgrade_test crossdock)
