#!/bin/sh
# The benchmarks: the agent on the emulated router, each figure beside its budget, as one table and
# in out/bench/result.json. What each means and what emulation distorts: docs/benchmarks.md.
#
#   scripts/bench.sh [--router mipsel|x86_64] [--only answers,router,forwarding,pages,package] [--runs N] [--keep]
#
# Each figure is the median of N runs (default 3). --keep writes the figures of a whole run to docs/figures/bench.json,
# and from there into the documents; three runs or more.
# Takes an hour and a half and both processors. Exit status 0: everything was measured, budgets kept or
# not; --strict makes it 1 when one is not kept.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/usage.sh
. scripts/lib/node.sh
help_asked "$@"
need_node
[ -x node_modules/.bin/esbuild ] || npm ci --no-audit --no-fund >&2
bundle=out/bench-driver/$$/main.mjs
trap 'rm -rf "out/bench-driver/$$"' EXIT
node_modules/.bin/esbuild test/lab/bench/main.ts --bundle --platform=node --format=esm \
  --target=node20 --external:esbuild --outfile="$bundle" --log-level=warning
WHP_LAB_CHECK=1 node --enable-source-maps "$bundle" "$@" || exit
# Installs what is missing and makes the machines' images.
./scripts/lab.sh prepare >&2
./scripts/host.sh x86_64 mipsel >&2
node scripts/bundle.mjs >&2
./scripts/package.sh mipsel_24kc >&2
# The limit of holding, what calls as rpcd does, and what notes a change: programs of few lines, for each kind of router.
for target in mipsel:mipsel-linux-gnu-gcc x86_64:gcc; do
  programs=out/bench-programs/${target%%:*}
  mkdir -p "$programs"
  for program in accept calls moments; do
    ${target#*:} -O2 -static -Wall -Wextra -Werror "test/bench/$program.c" -o "$programs/$program"
  done
done
# What is measured is the router, not what else this host does: where root may say so it goes first.
renice -n -15 -p $$ >/dev/null 2>&1 || :
node --enable-source-maps "$bundle" "$@" &
driver=$!
# The driver stops the machines on a signal; the shell only passes it on and waits.
trap 'kill -TERM "$driver" 2>/dev/null' INT TERM HUP
status=0
wait "$driver" || status=$?
wait "$driver" 2>/dev/null || :
exit "$status"
