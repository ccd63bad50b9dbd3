# A file for each attack; its name is its number's in hostile.c. Depend on crossdock_hostile_plugins.
set(CROSSDOCK_HOSTILE_PLUGINS ${CMAKE_BINARY_DIR}/hostile-plugins
  CACHE INTERNAL "Where the hostile plugins are built")
file(READ ${CMAKE_CURRENT_LIST_DIR}/hostile.c hostile_source)
string(REGEX MATCH "#define ATTACKS\\(X\\).*enum {" hostile_list "${hostile_source}")
string(REGEX MATCHALL "X\\(([a-z_]+)\\)" hostile_names "${hostile_list}")
list(TRANSFORM hostile_names REPLACE "X\\(([a-z_]+)\\)" "\\1")
list(APPEND hostile_names hang_in_create hang_in_quiesce ask_after_quiesce hang_in_destroy)
set(hostile_number 0)
set(hostile_targets)
foreach(name IN LISTS hostile_names)
  string(REPLACE _ - hostile_id ${name})
  set(kind agent)
  if(name MATCHES "^(forge_sender|forge_labels|flood_posts|ask_after_quiesce|ask_for_endpoint)$")
    set(kind connector) # who may post
  endif()
  configure_file(${CMAKE_CURRENT_LIST_DIR}/hostile.toml.in
    ${CMAKE_CURRENT_BINARY_DIR}/hostile/${name}.toml @ONLY)
  crossdock_add_plugin(NAME hostile-${name} SOURCES ${CMAKE_CURRENT_LIST_DIR}/hostile.c
    MANIFEST ${CMAKE_CURRENT_BINARY_DIR}/hostile/${name}.toml OUTPUT_DIRECTORY ${CROSSDOCK_HOSTILE_PLUGINS})
  target_compile_definitions(plugin_hostile-${name} PRIVATE HOSTILE=${hostile_number})
  target_compile_options(plugin_hostile-${name} PRIVATE -w -O1)
  set_target_properties(plugin_hostile-${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  list(APPEND hostile_targets plugin_hostile-${name})
  math(EXPR hostile_number "${hostile_number} + 1")
endforeach()
add_custom_target(crossdock_hostile_plugins DEPENDS ${hostile_targets})
