crossdock_test(unit/planning_supply LIBS crossdock_planning LABELS quick)
