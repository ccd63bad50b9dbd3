crossdock_test(unit/watch LIBS crossdock_api crossdock_ledger)
