crossdock_test(unit/planning_dates LIBS crossdock_planning LABELS quick)
