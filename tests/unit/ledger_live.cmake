crossdock_test(unit/ledger_live LIBS crossdock_ledger)
