crossdock_test(contract/sdk_plugin LIBS crossdock_sdk LABELS contract)
