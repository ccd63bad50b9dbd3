find_package(PostgreSQL 13 REQUIRED) # targets of a find stay in their folder

set(sql_fixture_definitions
  SQL_PLUGIN="$<TARGET_PROPERTY:plugin_sql,CROSSDOCK_PLUGIN_FILE>"
  SOURCE_FOLDER="${PROJECT_SOURCE_DIR}")

crossdock_test(contract/sql_statement LABELS contract LIBS crossdock_sql)

crossdock_test(contract/sql_connector LABELS contract TIMEOUT 300
  LIBS crossdock_sdk SQLite::SQLite3 valijson ${CMAKE_DL_LIBS}
  SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/contract/sql_cases.cpp)
add_dependencies(contract_sql_connector_test plugin_sql)
target_compile_definitions(contract_sql_connector_test PRIVATE ${sql_fixture_definitions})
if(TARGET crossdock-sim)
  add_dependencies(contract_sql_connector_test crossdock-sim)
  target_compile_definitions(contract_sql_connector_test PRIVATE
    SIM_PROGRAM="$<TARGET_FILE:crossdock-sim>")
endif()

# The same cases and PostgreSQL's own on a server that the test starts: one test of ctest, so
# that one server serves all of them. Skipped, and shown as skipped, where it is not installed.
add_library(crossdock_test_postgres STATIC
  ${CMAKE_CURRENT_SOURCE_DIR}/contract/sql_postgres_server.cpp)
target_include_directories(crossdock_test_postgres PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(crossdock_test_postgres PRIVATE PostgreSQL::PostgreSQL crossdock_options)

add_executable(contract_sql_postgres_test contract/sql_postgres_test.cpp
  contract/sql_cases.cpp)
target_include_directories(contract_sql_postgres_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(contract_sql_postgres_test PRIVATE Catch2::Catch2
  crossdock_test_postgres crossdock_sql SQLite::SQLite3 valijson ${CMAKE_DL_LIBS}
  crossdock_options)
target_compile_definitions(contract_sql_postgres_test PRIVATE SQL_POSTGRES
  ${sql_fixture_definitions})
add_dependencies(contract_sql_postgres_test plugin_sql)
add_test(NAME "contract/sql_postgres" COMMAND contract_sql_postgres_test)
set_tests_properties("contract/sql_postgres" PROPERTIES TIMEOUT 300 LABELS contract
  SKIP_REGULAR_EXPRESSION "SKIPPED: ")
