# How everything of ours is compiled: one interface target, no global flags.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 99)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(crossdock_options INTERFACE)
target_compile_options(crossdock_options INTERFACE
  -Wall -Wextra -Wshadow -Werror $<$<COMPILE_LANGUAGE:CXX>:-Wconversion>)
if(CROSSDOCK_SDK_ONLY)
  # A partner builds with whatever options; g++ 12 at -O3 sees an overlap in std::string::replace
  # that is none (GCC bug 105651).
  target_compile_options(crossdock_options INTERFACE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>)
  if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release)
  endif()
endif()

if(CROSSDOCK_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined
    -fno-omit-frame-pointer
    # g++ 12 sees uninitialised members in std::regex and std::function that are none, but only
    # in instrumented code (GCC bug 105562).
    -Wno-maybe-uninitialized)
  add_link_options(-fsanitize=address,undefined)
endif()

# crossdock_room(NAME SOURCES ... DEPENDS ...): the static library of one room of runtime/.
# DEPENDS names other rooms or imported targets; the order of rooms is the house's order.
function(crossdock_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(crossdock_${name} STATIC ${ARG_SOURCES})
  target_include_directories(crossdock_${name} PUBLIC ${PROJECT_SOURCE_DIR}/runtime)
  target_link_libraries(crossdock_${name} PUBLIC ${ARG_DEPENDS} PRIVATE crossdock_options)
endfunction()
