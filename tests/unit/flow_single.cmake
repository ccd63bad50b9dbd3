crossdock_test(unit/flow_single LIBS crossdock_flow)
