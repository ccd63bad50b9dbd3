crossdock_test(unit/escalate LIBS crossdock_escalate TIMEOUT 300)
