crossdock_test(contract/sdk_abi LIBS crossdock_sdk LABELS contract
  SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/contract/sdk_abi_c99.c)
set_source_files_properties(${CMAKE_CURRENT_SOURCE_DIR}/contract/sdk_abi_c99.c PROPERTIES
  COMPILE_OPTIONS "-std=c99;-Wpedantic;-Wno-conversion")
