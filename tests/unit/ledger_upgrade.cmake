crossdock_test(unit/ledger_upgrade LIBS crossdock_ledger)
