crossdock_test(unit/record_words LIBS crossdock_cli)
