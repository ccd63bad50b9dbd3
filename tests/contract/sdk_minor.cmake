# The contract 1.1 as it could be: one function more at the end of each table. Hosts and plugins of
# both minor versions meet.
set(newer_abi ${CMAKE_BINARY_DIR}/abi-minor-1)
file(READ ${PROJECT_SOURCE_DIR}/runtime/sdk/crossdock/abi.h abi)
set(before "${abi}")
string(REPLACE "#define CDK_ABI_MINOR 0u" "#define CDK_ABI_MINOR 1u" abi "${abi}")
string(REPLACE "  cdk_status (*random)(cdk_step*, void* out, uint64_t len);\n};"
  "  cdk_status (*random)(cdk_step*, void* out, uint64_t len);\n  uint32_t (*since_1_1)(void);\n};" abi "${abi}")
string(REPLACE "get_extension)(cdk_instance*, cdk_str id);\n} cdk_plugin;"
  "get_extension)(cdk_instance*, cdk_str id);\n  uint64_t (*since_1_1)(cdk_instance*);\n} cdk_plugin;"
  abi "${abi}")
string(REGEX MATCHALL "since_1_1" added "${abi}")
list(LENGTH added added)
if(NOT added EQUAL 2)
  message(FATAL_ERROR "abi.h has another form: tests/contract/sdk_minor.cmake must follow it")
endif()
file(CONFIGURE OUTPUT ${newer_abi}/crossdock/abi.h CONTENT "${abi}" @ONLY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/runtime/sdk/crossdock/abi.h)

foreach(minor 0 1)
  crossdock_add_plugin(NAME minor-${minor} SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/contract/minor/minor.c
    MANIFEST ${CMAKE_CURRENT_SOURCE_DIR}/contract/minor/minor.toml
    OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/minor-plugins)
  target_compile_options(plugin_minor-${minor} PRIVATE -Wno-conversion)
  add_executable(contract_minor_host_${minor} ${CMAKE_CURRENT_SOURCE_DIR}/contract/minor/host.cpp)
  target_link_libraries(contract_minor_host_${minor} PRIVATE crossdock_sdk crossdock_options ${CMAKE_DL_LIBS})
  if(minor EQUAL 1)
    target_include_directories(plugin_minor-1 BEFORE PRIVATE ${newer_abi})
    target_include_directories(contract_minor_host_1 BEFORE PRIVATE ${newer_abi})
  endif()
endforeach()
foreach(host 0 1)
  foreach(plugin 0 1)
    add_test(NAME "contract/sdk_minor: a host of 1.${host} and a plugin of 1.${plugin} work together"
      COMMAND contract_minor_host_${host} ${CMAKE_BINARY_DIR}/minor-plugins/minor-${plugin}.so ${plugin})
    set_tests_properties("contract/sdk_minor: a host of 1.${host} and a plugin of 1.${plugin} work together"
      PROPERTIES TIMEOUT 60 LABELS contract)
  endforeach()
endforeach()
