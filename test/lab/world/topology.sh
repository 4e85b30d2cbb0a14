#!/bin/sh
# The world around the router, in network namespaces of one machine:
#
#   iphone macbook windows ubuntu xbox neighbour      (namespaces; 192.168.1.11-.16 or by DHCP)
#      |      |       |      |     |      |
#      +------+----- br0 ----+-----+------+---- $LAN_WIRE ===== router ===== $ISP_WIRE
#                                  lan.pcap here               198.51.100.10     | isp.pcap here
#                                                                                |
#                     proxy 203.0.113.20 --- isp 198.51.100.1 (resolver .53) ----+
#                     GRE key 5300, 10.213.0.2   |    |
#                                                |    |
#                     proxy2 203.0.113.36 -------+    |
#                     GRE key 5301, 10.213.1.2        |
#                                                  internet (every other address is local there)
#
# Usage: topology.sh up|down.  Environment: LAN_WIRE ISP_WIRE (devices of this namespace),
# P (prefix of the namespaces' names), OUT (directory), DHCP=0 for fixed addresses,
# TUNNEL=0 to leave the proxy's GRE device to the caller.
set -eu
P=${P-}
LAN_WIRE=${LAN_WIRE:-eth0}
ISP_WIRE=${ISP_WIRE:-eth1}
OUT=${OUT:-/tmp/world}
HERE=$(cd "$(dirname "$0")" && pwd)
DEVICES='iphone macbook windows ubuntu xbox neighbour'
SERVERS='isp proxy proxy2 internet'
# Every address that plan.ts and names.ts give to a server.
LOCAL='64.4.23.0/24 65.55.223.0/24 111.221.74.0/24 111.221.77.0/24 157.55.56.0/24
  157.55.130.0/24 157.55.235.0/24 157.56.52.0/24 213.199.179.0/24 91.190.216.0/24
  91.190.218.0/24 23.96.0.0/16 23.97.0.0/16 86.128.0.0/16 90.210.0.0/16 104.16.0.0/16
  78.46.0.0/16 172.65.200.0/24 80.90.40.0/24'

in_ns() { ns=$1; shift; ip netns exec "$P$ns" "$@"; }
set_sysctl() { ns=$1; shift; for s in "$@"; do in_ns "$ns" sysctl -qw "$s"; done; }

# wire NS-A DEV-A ADDRESS-A NS-B DEV-B ADDRESS-B
wire() {
  ip link add "${P}w0" type veth peer name "${P}w1"
  ip link set "${P}w0" netns "$P$1" name "$2"
  ip link set "${P}w1" netns "$P$4" name "$5"
  in_ns "$1" ip addr add "$3" dev "$2"
  in_ns "$4" ip addr add "$6" dev "$5"
  in_ns "$1" ip link set "$2" up
  in_ns "$4" ip link set "$5" up
}

device_up() { # NAME HOST
  ip netns add "$P$1"
  ip link add "${P}d$2" type veth peer name "${P}w1"
  ip link set "${P}d$2" master "${P}br0" up
  ip link set "${P}w1" netns "$P$1" name eth0
  in_ns "$1" ip link set lo up
  # The router's DHCP server knows a device by its hardware address.
  in_ns "$1" ip link set eth0 address "02:00:c0:a8:01:$(printf %02x "$2")" up
  set_sysctl "$1" net.ipv6.conf.all.disable_ipv6=1
}

device_address() { # NAME HOST
  if [ "${DHCP:-1}" = 1 ] && in_ns "$1" busybox udhcpc -q -n -t 8 -T 1 -i eth0 \
    -x "hostname:$1" -s "$HERE/udhcpc.sh" >"$OUT/dhcp-$1.out" 2>&1; then
    :
  else
    in_ns "$1" ip addr add "192.168.1.$2/24" dev eth0
    in_ns "$1" ip route add default via 192.168.1.1
  fi
  address=$(in_ns "$1" ip -4 -o addr show dev eth0 | sed 's/.*inet \([0-9.]*\).*/\1/')
  echo "$1 $address" >>"$OUT/addresses.txt"
}

lan_up() {
  ip link add "${P}br0" type bridge forward_delay 0 mcast_snooping 0
  ip link set "${P}br0" up
  ip link set "$LAN_WIRE" master "${P}br0" up
  host=11
  for name in $DEVICES; do
    device_up "$name" "$host"
    host=$((host + 1))
  done
}

addresses_up() {
  : >"$OUT/addresses.txt"
  host=11
  for name in $DEVICES; do
    device_address "$name" "$host" &
    host=$((host + 1))
  done
  wait
}

isp_up() {
  ip link set "$ISP_WIRE" netns "${P}isp" name wan
  in_ns isp ip addr add 198.51.100.1/24 dev wan
  in_ns isp ip addr add 198.51.100.53/24 dev wan
  # A resolver with a private address: reached by the home's default route, as an ISP's box is.
  in_ns isp ip addr add 10.20.0.53/32 dev lo
  in_ns isp ip link set wan up
  wire isp toproxy 203.0.113.17/28 proxy eth0 203.0.113.20/28
  wire isp toproxy2 203.0.113.33/28 proxy2 eth0 203.0.113.36/28
  wire isp tonet 192.0.2.1/30 internet eth0 192.0.2.2/30
  in_ns isp ip route add default via 192.0.2.2
  in_ns proxy ip route add default via 203.0.113.17
  in_ns proxy2 ip route add default via 203.0.113.33
  in_ns internet ip route add default via 192.0.2.1
  set_sysctl isp net.ipv4.ip_forward=1
}

internet_up() {
  for net in $LOCAL; do in_ns internet ip route add local "$net" dev lo; done
  # A server's handshake answers with the tag of the client's SYN.
  set_sysctl internet net.ipv4.tcp_reflect_tos=1
}

# A cloud proxy: what comes out of the tunnel leaves with the proxy's own address. Unsolicited
# packets must leave no connection behind, or they would take the port a hole is punched through.
proxy_up() {
  if [ "${TUNNEL:-1}" = 1 ]; then
    # The owner's own script, as it is.
    in_ns proxy sh "$HERE/whp-proxy" up home --home 198.51.100.10 --key 5300 \
      --address 203.0.113.20 --local 10.213.0.1 --remote 10.213.0.2
    in_ns proxy2 sh "$HERE/whp-proxy" up home --home 198.51.100.10 --key 5301 \
      --address 203.0.113.36 --local 10.213.1.1 --remote 10.213.1.2
    return
  fi
  set_sysctl proxy net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
    net.ipv4.conf.default.rp_filter=0
  in_ns proxy nft -f - <<'NFT'
table inet proxy {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname "lo" accept
    ip protocol gre accept
    ip saddr 10.213.0.0/30 icmp type echo-request accept
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "eth0" ct state new drop
    tcp flags syn tcp option maxseg size set rt mtu
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "eth0" ip saddr 10.213.0.0/30 masquerade
  }
}
NFT
}

up() {
  mkdir -p "$OUT"
  for name in $SERVERS; do
    ip netns add "$P$name"
    in_ns "$name" ip link set lo up
  done
  lan_up
  isp_up
  internet_up
  proxy_up
}

down() {
  for name in $DEVICES $SERVERS; do ip netns del "$P$name" 2>/dev/null || :; done
  ip link del "${P}br0" 2>/dev/null || :
}

case ${1:-} in
  up) up ;;
  addresses) addresses_up ;;
  down) down ;;
  *) sed -n '2,20p' "$0" >&2; exit 64 ;;
esac
