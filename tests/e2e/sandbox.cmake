crossdock_test(e2e/sandbox LIBS crossdock_test_support crossdock_ledger LABELS e2e TIMEOUT 600)
add_dependencies(e2e_sandbox_test crossdock-plugin-host)
