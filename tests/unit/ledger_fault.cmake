crossdock_test(unit/ledger_fault LIBS crossdock_ledger TIMEOUT 300)
