crossdock_test(unit/host_vitals LIBS crossdock_host)
