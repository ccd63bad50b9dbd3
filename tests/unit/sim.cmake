crossdock_test(unit/sim LIBS crossdock_sim LABELS quick)
target_compile_definitions(unit_sim_test PRIVATE
  CROSSDOCK_CATALOGUE="${PROJECT_SOURCE_DIR}/config/catalogue")
