#!/usr/bin/env bash
# Fuzzes every decoder with seeded, structure-aware inputs: in Node (fast), then the same code in
# the host built with ASan and UBSan. What it finds is saved in test/fuzz/crashers and replayed by
# the unit tests from then on.
#
#   fuzz.sh [--inputs N] [--seconds N] [--seed N] [--target NAME]
#
# --inputs: in Node, shared out by weight (default 10000000: some three minutes). --seconds: of the
# host (default 120). --seed: the same one makes the same inputs. --target: only this one.
set -uo pipefail
cd "$(dirname "$0")/.."

inputs=10000000 seconds=120 seed=1 target=()
while [ $# -gt 0 ]; do
  case $1 in
    --inputs) inputs=$2 ;;
    --seconds) seconds=$2 ;;
    --seed) seed=$2 ;;
    --target) target=(--target "$2") ;;
    *)
      echo "usage: fuzz.sh [--inputs N] [--seconds N] [--seed N] [--target NAME]" >&2
      exit 2
      ;;
  esac
  shift 2
done

scripts/host.sh asan >/dev/null || exit 1
status=0
echo 'in Node:'
node scripts/fuzz.mjs node --inputs "$inputs" --seed "$seed" "${target[@]}" || status=1
echo 'in the host, with sanitizers:'
node scripts/fuzz.mjs out/host/asan/whp-host --inputs "$inputs" --seconds "$seconds" \
  --seed "$seed" "${target[@]}" || status=1
exit $status
