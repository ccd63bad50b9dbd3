# crossdock_add_plugin(NAME name SOURCES file... MANIFEST plugin.toml [LIBRARIES target...])
#
# Builds ${CMAKE_BINARY_DIR}/plugins/NAME.so with the flags the contract demands, embeds the
# manifest as ELF section .crossdock.manifest and fails the build when the file would not be
# loadable (docs/reference/plugin-manifest.md). The target is called plugin_NAME; the path of
# the file is its property CROSSDOCK_PLUGIN_FILE.
#
# SOURCES are C and C++ files, or one Rust file (the crate's root), which rustc compiles as it is,
# without cargo; `include!(env!("CROSSDOCK_RUST_ABI"))` in it is abi.h.
#
# Options: OUTPUT_DIRECTORY dir puts the file elsewhere; UNCHECKED leaves the check out and
# WITHOUT_MANIFEST the section, for files that test a host's refusal.
include_guard(GLOBAL)

find_program(CROSSDOCK_OBJCOPY NAMES objcopy llvm-objcopy REQUIRED)
set(CROSSDOCK_PLUGIN_MAP ${CMAKE_CURRENT_LIST_DIR}/crossdock_plugin.map
  CACHE INTERNAL "Linker version script of every plugin")
if(NOT Crossdock_RUST_ABI) # in crossdock's own build
  cmake_path(ABSOLUTE_PATH CMAKE_CURRENT_LIST_DIR NORMALIZE OUTPUT_VARIABLE Crossdock_RUST_ABI)
  cmake_path(GET Crossdock_RUST_ABI PARENT_PATH Crossdock_RUST_ABI)
  string(APPEND Crossdock_RUST_ABI /crossdock/abi.rs)
endif()
set(CROSSDOCK_RUST_ABI ${Crossdock_RUST_ABI} CACHE INTERNAL "abi.h for Rust")

function(crossdock_add_plugin)
  cmake_parse_arguments(ARG "UNCHECKED;WITHOUT_MANIFEST" "NAME;MANIFEST;OUTPUT_DIRECTORY;MAP"
    "SOURCES;LIBRARIES" ${ARGN})
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "crossdock_add_plugin does not know: ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT ARG_NAME OR NOT ARG_SOURCES OR NOT (ARG_MANIFEST OR ARG_WITHOUT_MANIFEST))
    message(FATAL_ERROR "crossdock_add_plugin needs NAME, SOURCES and MANIFEST")
  endif()
  if(NOT ARG_OUTPUT_DIRECTORY)
    set(ARG_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  endif()
  if(NOT ARG_MAP)
    set(ARG_MAP ${CROSSDOCK_PLUGIN_MAP})
  endif()
  set(file ${ARG_OUTPUT_DIRECTORY}/${ARG_NAME}.so)

  # What follows the link: the manifest goes in and the file is looked at.
  set(after)
  set(after_depends Crossdock::crossdock-manifest)
  if(NOT ARG_WITHOUT_MANIFEST)
    cmake_path(ABSOLUTE_PATH ARG_MANIFEST BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
      OUTPUT_VARIABLE manifest)
    set(json ${CMAKE_CURRENT_BINARY_DIR}/${ARG_NAME}.manifest.json)
    add_custom_command(OUTPUT ${json}
      COMMAND Crossdock::crossdock-manifest ${manifest} --output ${json}
      DEPENDS ${manifest} Crossdock::crossdock-manifest
      COMMENT "Manifest of ${ARG_NAME}" VERBATIM)
    list(APPEND after_depends ${json})
    list(APPEND after COMMAND ${CROSSDOCK_OBJCOPY} --add-section .crossdock.manifest=${json}
      --set-section-flags .crossdock.manifest=readonly,noload ${file})
  endif()
  if(NOT ARG_UNCHECKED)
    list(APPEND after COMMAND Crossdock::crossdock-manifest --check ${file})
  endif()

  if(ARG_SOURCES MATCHES "\\.rs$")
    crossdock_add_rust_plugin_(plugin_${ARG_NAME} ${file} ${ARG_SOURCES})
  else()
    crossdock_add_linked_plugin_(plugin_${ARG_NAME} ${file})
  endif()
  set_property(TARGET plugin_${ARG_NAME} PROPERTY CROSSDOCK_PLUGIN_FILE ${file})
endfunction()

# Reads ARG_* and what was prepared in crossdock_add_plugin.
macro(crossdock_add_linked_plugin_ target file)
  add_library(${target} MODULE ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE Crossdock::sdk ${ARG_LIBRARIES})
  target_compile_options(${target} PRIVATE
    -fvisibility=hidden $<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden>
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(${target} PRIVATE
    -Wl,--version-script=${ARG_MAP} -Wl,--exclude-libs,ALL
    -Wl,-z,now -Wl,-z,relro -Wl,-z,nodelete -Wl,-z,noexecstack)
  # A sanitizer's functions are found only when the program that loads the plugin has them.
  if(NOT CROSSDOCK_SANITIZE AND NOT "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=")
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  # The Boost, fmt and SQLite of the machine are found by the loader's own rules: no RPATH.
  set_target_properties(${target} PROPERTIES
    PREFIX "" OUTPUT_NAME ${ARG_NAME} SUFFIX .so
    LIBRARY_OUTPUT_DIRECTORY ${ARG_OUTPUT_DIRECTORY}
    POSITION_INDEPENDENT_CODE ON SKIP_BUILD_RPATH ON)
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${ARG_MAP})
  if(TARGET crossdock_options)
    target_link_libraries(${target} PRIVATE crossdock_options)
  endif()
  if(NOT ARG_WITHOUT_MANIFEST)
    target_sources(${target} PRIVATE ${json})
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${json})
  endif()
  if(after)
    add_custom_command(TARGET ${target} POST_BUILD ${after} VERBATIM)
    add_dependencies(${target} Crossdock::crossdock-manifest)
  endif()
endmacro()

# A rustc that is found may be a stand-in that has no compiler behind it.
function(crossdock_find_rustc_)
  if(CROSSDOCK_RUSTC)
    return()
  endif()
  find_program(rustc_in_path NAMES rustc NO_CACHE)
  foreach(candidate IN ITEMS ${rustc_in_path} /usr/bin/rustc)
    execute_process(COMMAND ${candidate} --version RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
    if(failed EQUAL 0)
      set(CROSSDOCK_RUSTC ${candidate} CACHE FILEPATH "The Rust compiler")
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "a Rust plugin needs a rustc that works: apt-get install rustc")
endfunction()

# rustc exports what is #[no_mangle] pub extern and nothing else, so it needs no version script.
macro(crossdock_add_rust_plugin_ target file source)
  if(NOT "${ARGN}" STREQUAL "" OR ARG_LIBRARIES)
    message(FATAL_ERROR
      "a Rust plugin has one SOURCES file, the crate's root, and no LIBRARIES: ${ARG_NAME}")
  endif()
  crossdock_find_rustc_()
  cmake_path(ABSOLUTE_PATH ARG_SOURCES BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    OUTPUT_VARIABLE root)
  string(MAKE_C_IDENTIFIER ${ARG_NAME} crate)
  # CMake cannot read rustc's depfiles (their comments): modules beside the root count.
  cmake_path(GET root PARENT_PATH modules)
  file(GLOB_RECURSE modules CONFIGURE_DEPENDS ${modules}/*.rs)
  if(CMAKE_BUILD_TYPE STREQUAL "Debug")
    set(optimised -C debuginfo=2)
  else()
    set(optimised -C opt-level=2)
  endif()
  add_custom_command(OUTPUT ${file}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${ARG_OUTPUT_DIRECTORY}
    COMMAND ${CMAKE_COMMAND} -E env CROSSDOCK_RUST_ABI=${CROSSDOCK_RUST_ABI}
      ${CROSSDOCK_RUSTC} --edition 2021 --crate-type cdylib --crate-name ${crate} ${optimised}
      -D warnings -C strip=none -C link-args=-Wl,-z,now,-z,relro,-z,nodelete,-z,noexecstack
      --emit link=${file} ${root}
    ${after}
    DEPENDS ${root} ${modules} ${CROSSDOCK_RUST_ABI} ${after_depends}
    COMMENT "Rust plugin ${ARG_NAME}" VERBATIM)
  add_custom_target(${target} ALL DEPENDS ${file})
endmacro()
