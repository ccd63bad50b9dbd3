crossdock_test(contract/sql_connector LABELS contract TIMEOUT 300
  LIBS crossdock_sdk SQLite::SQLite3 valijson ${CMAKE_DL_LIBS})
add_dependencies(contract_sql_connector_test plugin_sql)
target_compile_definitions(contract_sql_connector_test PRIVATE
  SQL_PLUGIN="$<TARGET_PROPERTY:plugin_sql,CROSSDOCK_PLUGIN_FILE>"
  SOURCE_FOLDER="${PROJECT_SOURCE_DIR}")
if(TARGET crossdock-sim)
  add_dependencies(contract_sql_connector_test crossdock-sim)
  target_compile_definitions(contract_sql_connector_test PRIVATE
    SIM_PROGRAM="$<TARGET_FILE:crossdock-sim>")
endif()
