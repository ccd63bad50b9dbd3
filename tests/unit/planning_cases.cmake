crossdock_test(unit/planning_cases LIBS crossdock_plan crossdock_cli LABELS quick)
target_compile_definitions(unit_planning_cases_test PRIVATE
  CROSSDOCK_DOMAIN_CASES="${CMAKE_CURRENT_SOURCE_DIR}/data/domain-cases.json"
  CROSSDOCK_SHARED_CASES="${PROJECT_SOURCE_DIR}/../shared/domain-cases.json")
