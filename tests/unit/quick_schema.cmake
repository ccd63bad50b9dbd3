crossdock_test(unit/quick_schema LIBS crossdock_base)
target_compile_definitions(unit_quick_schema_test PRIVATE
  CROSSDOCK_CATALOGUE="${PROJECT_SOURCE_DIR}/config/catalogue")
