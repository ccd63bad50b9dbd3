#!/bin/bash
# The contract's binary interface against its committed description, by libabigail; and that a
# changed header would be found.
#
#   sdk_abi_diff.sh SOURCE [--write]     --write: makes the description of a new version
set -euo pipefail

source=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/crossdock-abi.XXXXXX")
trap 'rm -rf "$work"' EXIT
description=$source/runtime/sdk/abi/crossdock-1.0.abi

library() { # INCLUDE-FOLDER OUTPUT
  gcc -g -shared -fPIC "-ffile-prefix-map=$source=crossdock" -I "$1" "$source/tests/contract/sdk_abi_surface.c" -o "$2"
}
describe() { # LIBRARY OUTPUT
  abidw --no-comp-dir-path --no-corpus-path --no-show-locs --no-elf-needed "$1" >"$2"
}

library "$source/runtime/sdk" "$work/now.so"
if [ "${2:-}" = --write ]; then
  mkdir -p "$(dirname "$description")"
  describe "$work/now.so" "$description"
  exit 0
fi
abidiff "$description" "$work/now.so" || { echo "the contract changed: see above" >&2; exit 1; }

# Each of these must be found.
changed=0
find_it() { # WHAT SED-EXPRESSION
  rm -rf "$work/changed"
  mkdir -p "$work/changed/crossdock"
  sed "$2" "$source/runtime/sdk/crossdock/abi.h" >"$work/changed/crossdock/abi.h"
  if cmp -s "$source/runtime/sdk/crossdock/abi.h" "$work/changed/crossdock/abi.h"; then
    echo "$1: the header was not changed, so this shows nothing" >&2
    exit 1
  fi
  library "$work/changed" "$work/changed.so"
  if abidiff "$description" "$work/changed.so" >"$work/report"; then
    echo "$1 was not found" >&2
    exit 1
  fi
  changed=$((changed + 1))
}
find_it "a member in the middle of cdk_event" 's/^  uint64_t seq;/  uint64_t extra;\n&/'
find_it "a narrower member" 's/^  int64_t now_ns;/  int32_t now_ns;/'
find_it "a member that is gone" '/ (\*random)(/d'
echo "the contract is as described; $changed changes of it were found"
