crossdock_test(unit/host_limits LIBS crossdock_host)
