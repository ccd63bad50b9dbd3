crossdock_test(unit/trust LIBS crossdock_trust crossdock_manifest OpenSSL::Crypto
  ENVIRONMENT TEST_PLUGIN=${CMAKE_BINARY_DIR}/test-plugins/echo.so)
add_dependencies(unit_trust_test plugin_echo)
