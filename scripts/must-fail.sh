#!/usr/bin/env bash
# Proves that a failure is seen: runs each file of test/must-fail/ with each runner of unit tests.
# must-fail.sh RUNNER...; a runner is the command given to unit.mjs, as one word. A few
# seconds.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/usage.sh
help_asked "$@"
[ $# -gt 0 ] || refuse 'no runner is named'

passed=0 failed=0
expect_failure() { # COMMAND...
  local output
  if output=$("$@" 2>&1) || ! grep -Eq ': [0-9]+ passed, [1-9][0-9]* failed' <<<"$output"; then
    echo "took a failure for success: $*"
    echo "$output"
    failed=$((failed + 1))
  else
    passed=$((passed + 1))
  fi
}

for file in test/must-fail/*.test.ts; do
  for runner in "$@"; do
    # shellcheck disable=SC2086 # the runner is several words on purpose
    expect_failure node scripts/unit.mjs $runner "$file"
  done
done
# The runner of the Node tests does not look for a forgotten test.run(): it sees an empty run.
for file in test/must-fail/*.test.ts; do expect_failure node scripts/node.mjs "$file"; done
echo "must-fail: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
