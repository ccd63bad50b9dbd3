crossdock_test(unit/flow LIBS crossdock_flow SOURCES unit/flow_parts_test.cpp unit/flow_undo_test.cpp
  ENVIRONMENT CROSSDOCK_SOURCE=${PROJECT_SOURCE_DIR})
