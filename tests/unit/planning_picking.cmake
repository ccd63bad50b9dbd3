crossdock_test(unit/planning_picking LIBS crossdock_planning LABELS quick)
