crossdock_test(unit/ledger_verify LIBS crossdock_ledger)
