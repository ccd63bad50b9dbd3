crossdock_test(unit/policy_commands LIBS crossdock_cli crossdock_ledger crossdock_gate
  ENVIRONMENT CROSSDOCK_SOURCE=${PROJECT_SOURCE_DIR})
