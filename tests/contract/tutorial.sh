#!/bin/bash
# Runs every command of the partner's tutorial, in order, in an empty folder, against the SDK that
# contract/sdk_examples installed.
#
#   tutorial.sh TUTORIAL.md SDK
set -euo pipefail

tutorial=$1
sdk=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/crossdock-tutorial.XXXXXX")
trap 'rm -rf "$work"' EXIT

sed -n '/^```sh$/,/^```$/{/^```/!p}' "$tutorial" >"$work/commands"
count=$(grep -c '^crossdock ' "$work/commands")
[ "$count" -ge 8 ] || { echo "the tutorial has only $count commands: was its form changed?" >&2; exit 1; }
mkdir "$work/home" "$work/here"
cd "$work/here"
env -i HOME="$work/home" PATH="$sdk/bin:/usr/bin:/bin" LANG=C.UTF-8 bash -euxo pipefail "$work/commands"

# And the other kind of project, untouched.
PATH="$sdk/bin:/usr/bin:/bin" bash -euxc 'crossdock plugin new --kind connector acme-rates
  crossdock plugin build --json acme-rates
  crossdock plugin check acme-rates/build/plugins/acme-rates.so'
