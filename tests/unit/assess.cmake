crossdock_test(unit/assess LIBS crossdock_assess LABELS quick)
target_compile_definitions(unit_assess_test PRIVATE
  CROSSDOCK_CATALOGUE="${PROJECT_SOURCE_DIR}/config/catalogue")
