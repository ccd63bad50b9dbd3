crossdock_test(unit/gate LIBS crossdock_gate
  ENVIRONMENT CROSSDOCK_SOURCE=${PROJECT_SOURCE_DIR})
