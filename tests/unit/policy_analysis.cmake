crossdock_test(unit/policy_analysis LIBS crossdock_gate
  ENVIRONMENT CROSSDOCK_SOURCE=${PROJECT_SOURCE_DIR})
