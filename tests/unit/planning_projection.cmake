crossdock_test(unit/planning_projection LIBS crossdock_planning LABELS quick)
