#!/bin/bash
# Installs the SDK alone, as a partner would have it, and builds and tests the examples against it.
#
#   sdk_examples.sh SOURCE WORK quick|matrix
#
# quick leaves each example once in WORK/plugins, by different compilers, for a node to load.
set -euo pipefail

source=$1
work=$2
how=$3
export CMAKE_GENERATOR=Ninja
mkdir -p "$work"

say() { printf '== %s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }
logged() { # LOG COMMAND...: prints the log if the command fails
  local log=$1
  shift
  "$@" >"$log" 2>&1 || { tail -40 "$log" >&2; fail "failed: $*"; }
}

say "the SDK alone, without CAF"
if [ ! -f "$work/sdk-build/build.ninja" ]; then
  logged "$work/configure.log" cmake -S "$source" -B "$work/sdk-build" -DCROSSDOCK_SDK_ONLY=ON \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_DISABLE_FIND_PACKAGE_CAF=ON -DCMAKE_INSTALL_PREFIX="$work/sdk"
fi
logged "$work/build.log" ninja -C "$work/sdk-build" -j2
rm -rf "$work/sdk"
logged "$work/install.log" cmake --install "$work/sdk-build" --component sdk
for program in crossdock crossdock-plugin crossdock-manifest; do
  if ldd "$work/sdk/bin/$program" | grep -E 'libcaf|libsqlite'; then fail "$program needs the runtime"; fi
done
"$work/sdk/bin/crossdock" plugin --help >"$work/help.log"
grep -q inspect "$work/help.log" || fail "crossdock plugin does not reach crossdock-plugin"

example() { # NAME COMPILER STANDARD TYPE
  local name=$1 cxx=$2 standard=$3 type=$4 cc
  local build=$work/examples/$name-$cxx-$standard-$type
  case $cxx in g++) cc=gcc ;; *) cc=clang ;; esac
  say "$name: $cxx, C++$standard, $type"
  rm -rf "$build"
  mkdir -p "$build"
  logged "$build/configure.log" cmake -S "$source/examples/$name" -B "$build" \
    -DCMAKE_PREFIX_PATH="$work/sdk" -DCMAKE_BUILD_TYPE="$type" -DCMAKE_CXX_STANDARD="$standard" \
    -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" \
    -DCMAKE_CXX_FLAGS="-Wall -Wextra -Wpedantic -Werror" -DCMAKE_C_FLAGS="-Wall -Wextra -Werror"
  logged "$build/build.log" ninja -C "$build" -j2
  logged "$build/test.log" ctest --test-dir "$build" --no-tests=error --output-on-failure
  made=$build
}

if [ "$how" = matrix ]; then
  for cxx in g++ clang++; do
    for standard in 17 20; do
      for type in Debug Release; do
        for name in c-agent cpp-agent cpp-connector rust-agent; do
          example "$name" "$cxx" "$standard" "$type"
        done
      done
    done
  done
  exit 0
fi
rm -rf "$work/plugins"
mkdir "$work/plugins"
for one in "c-agent g++ 17 Debug" "cpp-agent clang++ 20 Debug" "cpp-connector g++ 17 Release" \
  "rust-agent clang++ 17 Release"; do
  # shellcheck disable=SC2086 # four words
  example $one
  cp "$made"/plugins/*.so "$work/plugins/"
done
