crossdock_test(unit/ledger_merkle LIBS crossdock_ledger)
