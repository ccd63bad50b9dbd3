crossdock_test(unit/planning_demand LIBS crossdock_planning LABELS quick)
