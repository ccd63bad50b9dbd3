crossdock_test(unit/base LIBS crossdock_base)
