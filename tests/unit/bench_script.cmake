# The logic of tools/bench alone: no benchmark runs, no peer is fetched.
find_program(CROSSDOCK_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
add_test(NAME "unit/bench_script: tools/bench computes, keeps and compares results"
  COMMAND ${CROSSDOCK_PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/bench_script_test.py)
set_tests_properties("unit/bench_script: tools/bench computes, keeps and compares results"
  PROPERTIES TIMEOUT 60 LABELS "unit;quick")
