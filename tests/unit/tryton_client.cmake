crossdock_test(unit/tryton_client LIBS crossdock_tryton)
