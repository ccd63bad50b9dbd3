crossdock_test(unit/logging LIBS crossdock_node_log crossdock_base)
