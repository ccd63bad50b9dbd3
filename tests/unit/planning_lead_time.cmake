crossdock_test(unit/planning_lead_time LIBS crossdock_planning LABELS quick)
