crossdock_test(unit/ledger_store LIBS crossdock_ledger)
