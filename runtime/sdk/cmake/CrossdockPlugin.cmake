# crossdock_add_plugin(NAME name SOURCES file... MANIFEST plugin.toml [LIBRARIES target...])
#
# Builds ${CMAKE_BINARY_DIR}/plugins/NAME.so with the flags the contract demands, embeds the
# manifest as ELF section .crossdock.manifest and fails the build when the file would not be
# loadable (docs/reference/plugin-manifest.md). The target is called plugin_NAME; the path of
# the file is its property CROSSDOCK_PLUGIN_FILE. Options: OUTPUT_DIRECTORY dir puts it
# elsewhere; UNCHECKED leaves the check out and WITHOUT_MANIFEST the section, for files that
# test a host's refusal.
include_guard(GLOBAL)

find_program(CROSSDOCK_OBJCOPY NAMES objcopy llvm-objcopy REQUIRED)
set(CROSSDOCK_PLUGIN_MAP ${CMAKE_CURRENT_LIST_DIR}/crossdock_plugin.map
  CACHE INTERNAL "Linker version script of every plugin")

function(crossdock_add_plugin)
  cmake_parse_arguments(ARG "UNCHECKED;WITHOUT_MANIFEST" "NAME;MANIFEST;OUTPUT_DIRECTORY;MAP"
    "SOURCES;LIBRARIES" ${ARGN})
  if(NOT ARG_NAME OR NOT ARG_SOURCES OR NOT (ARG_MANIFEST OR ARG_WITHOUT_MANIFEST))
    message(FATAL_ERROR "crossdock_add_plugin needs NAME, SOURCES and MANIFEST")
  endif()
  if(NOT ARG_OUTPUT_DIRECTORY)
    set(ARG_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  endif()
  if(NOT ARG_MAP)
    set(ARG_MAP ${CROSSDOCK_PLUGIN_MAP})
  endif()
  set(target plugin_${ARG_NAME})
  set(file ${ARG_OUTPUT_DIRECTORY}/${ARG_NAME}.so)

  add_library(${target} MODULE ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE crossdock_sdk ${ARG_LIBRARIES})
  target_compile_options(${target} PRIVATE
    -fvisibility=hidden $<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden>
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(${target} PRIVATE
    -Wl,--version-script=${ARG_MAP} -Wl,--exclude-libs,ALL
    -Wl,-z,now -Wl,-z,relro -Wl,-z,nodelete -Wl,-z,noexecstack)
  if(NOT CROSSDOCK_SANITIZE)
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  # The Boost, fmt and SQLite of the machine are found by the loader's own rules: no RPATH.
  set_target_properties(${target} PROPERTIES
    PREFIX "" OUTPUT_NAME ${ARG_NAME} SUFFIX .so
    LIBRARY_OUTPUT_DIRECTORY ${ARG_OUTPUT_DIRECTORY}
    POSITION_INDEPENDENT_CODE ON SKIP_BUILD_RPATH ON
    CROSSDOCK_PLUGIN_FILE ${file})
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${ARG_MAP})
  if(TARGET crossdock_options)
    target_link_libraries(${target} PRIVATE crossdock_options)
  endif()

  if(NOT ARG_WITHOUT_MANIFEST)
    cmake_path(ABSOLUTE_PATH ARG_MANIFEST BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
      OUTPUT_VARIABLE manifest)
    set(json ${CMAKE_CURRENT_BINARY_DIR}/${ARG_NAME}.manifest.json)
    add_custom_command(OUTPUT ${json}
      COMMAND crossdock-manifest ${manifest} --output ${json}
      DEPENDS ${manifest} crossdock-manifest
      COMMENT "Manifest of ${ARG_NAME}" VERBATIM)
    target_sources(${target} PRIVATE ${json})
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${json})
    add_custom_command(TARGET ${target} POST_BUILD
      COMMAND ${CROSSDOCK_OBJCOPY} --add-section .crossdock.manifest=${json}
        --set-section-flags .crossdock.manifest=readonly,noload ${file}
      VERBATIM)
  endif()
  if(NOT ARG_UNCHECKED)
    add_custom_command(TARGET ${target} POST_BUILD
      COMMAND crossdock-manifest --check ${file} VERBATIM)
    add_dependencies(${target} crossdock-manifest)
  endif()
endfunction()
