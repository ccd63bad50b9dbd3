crossdock_test(unit/reload LIBS crossdock_node)
target_compile_definitions(unit_reload_test PRIVATE TEST_SOURCE_FOLDER="${PROJECT_SOURCE_DIR}")
