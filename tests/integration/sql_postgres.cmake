# A node on a PostgreSQL that the test starts. Skipped, and shown as skipped, where there is none.
add_executable(integration_sql_postgres_test integration/sql_postgres_test.cpp)
target_link_libraries(integration_sql_postgres_test PRIVATE Catch2::Catch2
  crossdock_test_support crossdock_test_postgres SQLite::SQLite3 ${CMAKE_DL_LIBS}
  crossdock_sdk crossdock_options)
target_compile_definitions(integration_sql_postgres_test PRIVATE
  SOURCE_FOLDER="${PROJECT_SOURCE_DIR}")
add_test(NAME "integration/sql_postgres" COMMAND integration_sql_postgres_test)
set_tests_properties("integration/sql_postgres" PROPERTIES TIMEOUT 300 LABELS integration
  SKIP_REGULAR_EXPRESSION "SKIPPED: ")
