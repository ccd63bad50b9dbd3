crossdock_test(unit/cli LIBS crossdock_cli crossdock_ledger)
