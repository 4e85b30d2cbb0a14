#!/usr/bin/env bash
# Fuzzes every decoder with seeded, structure-aware inputs: in Node (fast), then the same code in
# the host built with ASan and UBSan. What it finds is saved in test/fuzz/crashers and replayed by
# the unit tests from then on.
#
#   fuzz.sh [--inputs N] [--seconds N] [--seed N] [--target NAME]
#
# --inputs: in Node, shared out by weight (default 10000000: some three minutes). --seconds: of the
# host (default 120), so five minutes in all. --seed: the same one makes the same inputs. --target: only this one.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/usage.sh
. scripts/lib/node.sh
help_asked "$@"

inputs=10000000 seconds=120 seed=1 target=()
while [ $# -gt 0 ]; do
  case "$1 ${2:-}" in
    --inputs\ [1-9]*) inputs=$2 ;;
    --seconds\ [1-9]*) seconds=$2 ;;
    --seed\ [1-9]*) seed=$2 ;;
    --target\ [a-z]*) target=(--target "$2") ;;
    --inputs* | --seconds* | --seed* | --target*) refuse "$1 '${2:-}': a number above 0, or a name" ;;
    *) refuse "unknown option $1" ;;
  esac
  shift 2
done

need_node
scripts/host.sh asan >/dev/null || exit 1
status=0
echo 'in Node:'
node scripts/fuzz.mjs node --inputs "$inputs" --seed "$seed" "${target[@]}" || status=1
echo 'in the host, with sanitizers:'
node scripts/fuzz.mjs out/host/asan/whp-host --inputs "$inputs" --seconds "$seconds" \
  --seed "$seed" "${target[@]}" || status=1
exit $status
