#!/bin/sh
# A stand-in for the router, in one namespace: NAT, DHCP and DNS as in any home. TUNNEL=cheat sends
# what the ground truth tag calls the application through a tunnel (ferry.js, no GRE needed in the
# kernel); TUNNEL=none sends everything direct, which the verdict has to notice. It proves the
# world's programs and the verdict, nothing of the product.
# Usage: router.sh up|down.  Environment: P, PROGRAMS, HOST, OUT, TUNNEL.
set -eu
P=${P:-}
HERE=$(cd "$(dirname "$0")" && pwd)
PROGRAMS=${PROGRAMS:-$HERE}
OUT=${OUT:-/tmp/world}
in_ns() { ns=$1; shift; ip netns exec "$P$ns" "$@"; }

# ip netns exec would hide the namespaces that topology.sh makes in a mount namespace of its own.
in_world() { nsenter --net="/run/netns/${P}world" "$@"; }

no_offload() { in_ns "$1" ethtool -K "$2" tx off >/dev/null; }

router_up() {
  ip netns add "${P}router"
  ip netns add "${P}world"
  ip link add "${P}a" type veth peer name "${P}b"
  ip link set "${P}a" netns "${P}router" name lan
  ip link set "${P}b" netns "${P}world" name eth0
  ip link add "${P}a" type veth peer name "${P}b"
  ip link set "${P}a" netns "${P}router" name wan
  ip link set "${P}b" netns "${P}world" name eth1
  in_ns world ip link set eth0 up
  in_ns world ip link set eth1 up
  in_ns world ip link set lo up
  in_ns router ip link set lo up
  in_ns router ip addr add 192.168.1.1/24 dev lan
  in_ns router ip addr add fd00:c0a8:1::1/64 dev lan nodad
  in_ns router ip addr add 198.51.100.10/24 dev wan
  in_ns router ip link set lan up
  in_ns router ip link set wan up
  in_ns router ip route add default via 198.51.100.1
  in_ns router sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
    net.ipv4.conf.default.rp_filter=0
  in_ns router nft -f - <<'NFT'
table inet home {
  chain prerouting {
    type filter hook prerouting priority mangle;
    iifname "lan" ip daddr 192.168.1.0/24 accept
    iifname "lan" ip dscp af11 ct mark set 1
    iifname "lan" ct mark 1 meta mark set 1
  }
  chain forward {
    type filter hook forward priority filter;
    tcp flags syn tcp option maxseg size set rt mtu
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname { "wan", "whp-main" } masquerade
  }
}
NFT
}

# ferry NAMESPACE NAME ADDRESS MAC LOCAL REMOTE
ferry_up() {
  in_ns "$1" ip link add "$2" type veth peer name ferry
  in_ns "$1" ip link set "$2" address "$4" mtu 1472 arp off
  in_ns "$1" ip link set ferry arp off up
  in_ns "$1" ip addr add "$3" dev "$2"
  in_ns "$1" ip link set "$2" up
  no_offload "$1" "$2"
  index=$(in_ns "$1" cat /sys/class/net/ferry/ifindex)
  ip netns exec "$P$1" "$HOST" "$PROGRAMS/ferry.js" "$index" "$4" "$5" "$6" 5300 \
    >"$OUT/ferry-$1.out" 2>&1 &
  echo $! >>"$OUT/router.pids"
}

tunnel_up() {
  ferry_up router whp-main 10.213.0.1/30 02:00:5e:00:01:01 198.51.100.10 203.0.113.20
  ferry_up proxy home 10.213.0.2/30 02:00:5e:00:01:02 203.0.113.20 198.51.100.10
  in_ns router ip route add default dev whp-main table 100
  in_ns router ip rule add fwmark 1 table 100 priority 100
  # The ferry reads what the kernel has not yet summed up.
  for name in iphone macbook windows ubuntu xbox neighbour proxy internet; do
    no_offload "$name" eth0
  done
}

services_up() {
  in_ns router dnsmasq --conf-file=/dev/null --no-resolv --server=198.51.100.53 --interface=lan \
    --dhcp-range=192.168.1.50,192.168.1.99,255.255.255.0,1h --dhcp-leasefile="$OUT/leases" \
    --pid-file="$OUT/dnsmasq.pid" --bind-interfaces --no-ping --edns-packet-max=4096 --user=root
  cat "$OUT/dnsmasq.pid" >>"$OUT/router.pids"
}

case ${1:-} in
  up)
    mkdir -p "$OUT"
    : >"$OUT/router.pids"
    router_up
    in_world env P="$P" OUT="$OUT" TUNNEL=0 sh "$PROGRAMS/topology.sh" up
    services_up
    [ "${TUNNEL:-cheat}" != cheat ] || tunnel_up
    in_world env P="$P" OUT="$OUT" sh "$PROGRAMS/topology.sh" addresses
    ;;
  down)
    while read -r pid; do kill "$pid" 2>/dev/null || :; done <"$OUT/router.pids"
    in_world env P="$P" sh "$PROGRAMS/topology.sh" down || :
    ip netns del "${P}router" || :
    ip netns del "${P}world" || :
    ;;
  *) sed -n '2,8p' "$0" >&2; exit 64 ;;
esac
