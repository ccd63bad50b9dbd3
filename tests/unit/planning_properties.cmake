crossdock_test(unit/planning_properties LIBS crossdock_planning LABELS quick)
