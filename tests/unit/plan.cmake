crossdock_test(unit/plan LIBS crossdock_plan crossdock_cli LABELS quick)
target_compile_definitions(unit_plan_test PRIVATE
  CROSSDOCK_DOMAIN_CASES="${CMAKE_CURRENT_SOURCE_DIR}/data/domain-cases.json")
