#!/usr/bin/env bash
# What whp would have done to a capture, on this PC: replay.sh FILE [--json] [--lan PREFIX,..]
# [--config FILE] [--profiles DIR]. Builds what is missing first, as lab.sh does: the program that runs
# the agent, and the agent: minutes the first time, then a second. Needs Node 20; prints docs/replay.md's report.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. scripts/lib/usage.sh
. scripts/lib/node.sh
help_asked "$@"
[ $# -gt 0 ] || refuse 'which FILE: a pcap or pcapng'
need_node
[ -x out/host/x86_64/whp-host ] || echo "replay: the first run builds the program, some minutes" >&2
[ -d node_modules ] || npm ci --no-audit --no-fund >&2
scripts/host.sh x86_64 >/dev/null
[ -e out/whp ] && [ -z "$(find agent package.json -newer out/whp -print -quit)" ] ||
  node scripts/bundle.mjs >/dev/null
cd "$OLDPWD"
# A PC has more memory and time than the router that the limits are made for.
export WHP_MEMORY_MB=${WHP_MEMORY_MB:-1024} WHP_WATCHDOG_SECONDS=${WHP_WATCHDOG_SECONDS:-3600}
exec "$root/out/host/x86_64/whp-host" "$root/out/whp" replay "$@"
