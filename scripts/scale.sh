#!/usr/bin/env bash
# What grows with the size of a home, and how: start, answers, commands, memory and moves of the agent with up to 11
# apps, 250 devices, 20,000 learned elements and 10,000 flows, and what the table costs the kernel for new and for
# established flows. On this machine's kernel, in namespaces, as root; no emulator. docs/benchmarks.md has the tables.
#
#   scripts/scale.sh [--only agent,kernel] [--runs N] [--small] [--keep]
#
# Each figure is the median of N runs (default 3). --small takes an eighth of the home, to try the program. --keep
# writes the figures of a whole run to docs/figures/scale.json, and from there into the documents. It takes less than
# ten minutes and both processors; the last line says how much of them other programs used. The whole output is also in
# out/scale/result.json. Exit status 1: with --keep, other programs used more than a tenth of a processor.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/usage.sh
. scripts/lib/node.sh
. scripts/lib/packages.sh
help_asked "$@"
need_node
[ -x node_modules/.bin/esbuild ] || npm ci --no-audit --no-fund >&2
driver=out/scale-driver/$$
trap 'rm -rf "$driver"' EXIT
node_modules/.bin/esbuild test/scale/main.ts --bundle --platform=node --format=esm --target=node20 \
  --external:esbuild --outfile="$driver/main.mjs" --log-level=warning
WHP_SCALE_CHECK=1 node --enable-source-maps "$driver/main.mjs" "$@" || exit
[ "$(id -u)" -eq 0 ] || refuse 'makes namespaces, and has to run as root'
need gcc=gcc nft=nftables ip=iproute2 conntrack=conntrack unshare=util-linux sysctl=procps >&2
./scripts/host.sh x86_64 >&2
node scripts/bundle.mjs >&2
mkdir -p out/scale/etc
gcc -O2 -Wall -Wextra -Werror test/scale/packets.c -o out/scale/packets
# In namespaces of its own: the agent reads /etc/config/dhcp, and all processes end with this one.
unshare --mount --pid --fork --mount-proc --kill-child sh -ec '
  mount -t tmpfs tmpfs out/scale/etc
  cp -a /etc/. out/scale/etc
  mount --bind out/scale/etc /etc
  mkdir -p /run/netns
  mount -t tmpfs tmpfs /run/netns
  exec node --enable-source-maps "$@"' sh "$driver/main.mjs" "$@"
