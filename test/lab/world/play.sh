#!/bin/sh
# Plays a run in a world that topology.sh has built: captures on both wires, servers, noise, the
# devices' sessions in parallel, then the adversary. Prints one line a session; leaves the logs and
# captures in $OUT. Ends only what it has started.
# Usage: play.sh SEED SESSIONS NOISE(0|1) ADVERSARY(0|1)
# Environment: OUT, P, LAN_WIRE, HOST (quickjs host), PROGRAMS (directory of the bundles),
# CAPTURE=0 (somebody else captures), DEVICES (default: the five), PACE of the noise, FIRST (number of the first session),
# ATTACKS (what the adversary plays: lines of adversary-list.ts).
set -u
SEED=$1 SESSIONS=$2 NOISE=$3 ADVERSARY=$4
P=${P-}
OUT=${OUT:-/tmp/world}
LAN_WIRE=${LAN_WIRE:-eth0}
HOST=${HOST:-/usr/lib/whp/whp-host}
PROGRAMS=${PROGRAMS:-$(cd "$(dirname "$0")" && pwd)}
DEVICES=${DEVICES:-iphone macbook windows ubuntu xbox}
# The agent's own limits are not theirs.
export WHP_WATCHDOG_SECONDS=0 WHP_MEMORY_MB=128
background='' noises=''

start() { # NAME NAMESPACE PROGRAM ARGUMENT...
  log=$OUT/$1.out ns=$P$2 program=$PROGRAMS/$3.js
  shift 3
  ip netns exec "$ns" "$HOST" "$program" "$@" >"$log" 2>&1 &
  started=$!
}

ready() { # FILE WORD
  for _ in $(seq 100); do
    grep -q "$2" "$1" 2>/dev/null && return 0
    sleep 0.1
  done
  echo "play: no \"$2\" in $1" >&2
  cat "$1" >&2
  return 1
}

stop_all() {
  # shellcheck disable=SC2086 # a list of process ids
  [ -z "$noises$background" ] || kill $noises $background 2>/dev/null
  wait
  noises='' background=''
}
trap stop_all EXIT
trap 'exit 130' INT TERM

if [ "${CAPTURE:-1}" = 1 ]; then
  ip netns exec "${P}isp" tcpdump -i wan -n -Z root -s 160 -B 16384 -w "$OUT/isp.pcap" \
    2>"$OUT/isp.dump" &
  background="$background $!"
  tcpdump -i "$LAN_WIRE" -n -Z root -s 160 -B 16384 -w "$OUT/lan.pcap" 2>"$OUT/lan.dump" &
  background="$background $!"
  ready "$OUT/isp.dump" listening && ready "$OUT/lan.dump" listening || exit 1
fi
start resolver isp resolver "$OUT/resolver.jsonl"
background="$background $started"
start internet internet internet "$OUT/internet.jsonl" "$OUT/internet.sock"
background="$background $started"
ready "$OUT/resolver.out" ready && ready "$OUT/internet.out" ready || exit 1

if [ "$NOISE" = 1 ]; then
  for name in $DEVICES; do
    start "noise-$name" "$name" noise "$name" "$SEED" "$OUT" "${PACE:-1}"
    noises="$noises $started"
  done
fi

first=$(command -v nice >/dev/null && echo nice -n -10)
status=0
players=''
for name in $DEVICES; do
  [ "$SESSIONS" -gt 0 ] || continue
  # Before everything else: what a device does within 200 ms is part of the sessions.
  $first ip netns exec "$P$name" "$HOST" "$PROGRAMS/device.js" "$name" "$SEED" "$SESSIONS" "$OUT" \
    "$NOISE" "${FIRST:-1}" &
  players="$players $!"
done
for player in $players; do wait "$player" || status=1; done

attack() { # DEVICE FIRST-NUMBER CASE...
  name=$1
  shift
  ip netns exec "$P$name" "$HOST" "$PROGRAMS/adversary.js" "$name" "$SEED" "$OUT" "$@"
}

# shellcheck disable=SC2086 # a list of process ids
[ -z "$noises" ] || kill $noises 2>/dev/null
noises=''

# The router is a home's resolver over IPv6, too; nothing else here speaks it.
speak_six() { # DEVICE
  ip netns exec "$P$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.eth0.disable_ipv6=0 &&
    ip netns exec "$P$1" ip -6 addr replace fd00:c0a8:1::ff/64 dev eth0 nodad
}

attackers=''
await_attackers() {
  for one in $attackers; do wait "$one" || status=1; done
  attackers=''
}

if [ "$ADVERSARY" = 1 ]; then
  while read -r name words; do
    [ "$name" != - ] || { await_attackers; continue; }
    case " $words " in *' two-families '*) speak_six "$name" ;; esac
    # shellcheck disable=SC2086 # a list of words
    attack "$name" $words </dev/null &
    attackers="$attackers $!"
  done <<LINES
${ATTACKS:?lines of adversary-list.ts}
LINES
  await_attackers
fi
# Last packets of closing connections.
sleep 1
exit $status
