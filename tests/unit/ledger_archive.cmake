crossdock_test(unit/ledger_archive LIBS crossdock_ledger TIMEOUT 600)
target_compile_definitions(unit_ledger_archive_test PRIVATE
  AUDIT_SAMPLES="${PROJECT_SOURCE_DIR}/docs/tutorial/audit-sample"
  TAMPER_SCRIPT="${CMAKE_CURRENT_SOURCE_DIR}/unit/ledger_archive_tamper.mjs")
