crossdock_test(unit/planning_cases LIBS crossdock_planning nlohmann_json::nlohmann_json
  LABELS quick)
target_compile_definitions(unit_planning_cases_test PRIVATE
  CROSSDOCK_DOMAIN_CASES="${CMAKE_CURRENT_SOURCE_DIR}/data/domain-cases.json")
