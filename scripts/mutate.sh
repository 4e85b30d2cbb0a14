#!/usr/bin/env bash
# Breaks the promises of SECURITY.md one by one in a copy of the tree, and expects the tests that stand for
# each to fail: a promise that nothing notices when it is broken is none.
#
#   scripts/mutate.sh            all of test/mutations/list.ts, about eight minutes
#   scripts/mutate.sh NAME...    these
#   scripts/mutate.sh --list     names and promises
#   scripts/mutate.sh --table    writes the table of promises in SECURITY.md
#
# Needs what scripts/test.sh has prepared: node modules, and out/host for what runs in namespaces.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/usage.sh
help_asked "$@"
exec node scripts/mutate.mjs "$@"
