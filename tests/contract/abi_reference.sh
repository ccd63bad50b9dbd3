#!/bin/bash
# Every function and capability of the contract is in its reference.
#
#   abi_reference.sh SOURCE
set -euo pipefail

header=$1/runtime/sdk/crossdock/abi.h
reference=$1/docs/reference/plugin-abi.md
missing=0
count=0
for name in $(sed -n 's/.*(\*\([a-z_]*\))(.*/\1/p' "$header" | grep -v cdk_entry_function | sort -u) \
  $(sed -n 's/^#define CDK_CAP_[A-Z]* "\(.*\)"/\1/p' "$header") crossdock_plugin_v1; do
  count=$((count + 1))
  [ "$name" = visit ] || grep -q "\`$name\`\|\.$name\`" "$reference" || {
    echo "plugin-abi.md does not explain $name" >&2
    missing=1
  }
done
[ "$count" -ge 35 ] || { echo "only $count names were found in abi.h: was its form changed?" >&2; exit 1; }
exit $missing
