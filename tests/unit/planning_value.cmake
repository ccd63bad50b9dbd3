crossdock_test(unit/planning_value LIBS crossdock_planning LABELS quick)
