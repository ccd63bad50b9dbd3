crossdock_test(contract/sdk_abi LIBS crossdock_sdk LABELS contract
  SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/contract/sdk_abi_c99.c)
set_source_files_properties(${CMAKE_CURRENT_SOURCE_DIR}/contract/sdk_abi_c99.c PROPERTIES
  COMPILE_OPTIONS "-std=c99;-Wpedantic;-Wno-conversion")
# Frozen: every offset as 1.0 has it, by the compiler; the whole interface, by libabigail.
add_library(contract_sdk_abi_layout OBJECT ${CMAKE_CURRENT_SOURCE_DIR}/contract/sdk_abi_layout.c)
target_link_libraries(contract_sdk_abi_layout PRIVATE crossdock_sdk)
set_target_properties(contract_sdk_abi_layout PROPERTIES C_STANDARD 11)
target_link_libraries(contract_sdk_abi_test PRIVATE contract_sdk_abi_layout)
add_test(NAME "contract/sdk_abi_diff: the contract is as it was described, and changes of it are found"
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/contract/sdk_abi_diff.sh ${PROJECT_SOURCE_DIR})
set_tests_properties("contract/sdk_abi_diff: the contract is as it was described, and changes of it are found"
  PROPERTIES TIMEOUT 120 LABELS contract)
add_test(NAME "contract/abi_reference: every function of the contract is explained"
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/contract/abi_reference.sh ${PROJECT_SOURCE_DIR})
set_tests_properties("contract/abi_reference: every function of the contract is explained"
  PROPERTIES TIMEOUT 60 LABELS contract)
