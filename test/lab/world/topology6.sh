#!/bin/sh
# IPv6 on top of the world that topology.sh has built, as an ISP gives it to a home:
#
#   devices 2001:db8:a::11-16 --- router 2001:db8:a::1 | 2001:db8:1::10 --- isp 2001:db8:1::1
#                                                                            |            |
#                              proxy 2001:db8:3::20 (inner fd00:d5::2) ------+         internet
#                                                 application 2603:1005:5::/48, others 2606:4706:6::/48
#
# The router's own side is in router6.sh, to be run there. `up proxy` gives the proxy IPv6 inside the
# tunnel too; without it the proxy offers none. Devices speak IPv6 only while this is up.
# Usage: topology6.sh up [proxy] | down.  Environment: P (prefix of the namespaces' names).
set -eu
P=${P-}
HERE=$(cd "$(dirname "$0")" && pwd)
in_ns() { ns=$1; shift; ip netns exec "$P$ns" "$@"; }
six() { in_ns "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6="$2" net.ipv6.conf.default.disable_ipv6="$2"; }

up() {
  for ns in isp proxy internet; do six "$ns" 0; done
  in_ns isp ip -6 addr add 2001:db8:1::1/64 dev wan nodad
  in_ns isp ip -6 addr add 2001:db8:3::1/64 dev toproxy nodad
  in_ns isp ip -6 addr add 2001:db8:2::1/64 dev tonet nodad
  in_ns isp sysctl -qw net.ipv6.conf.all.forwarding=1
  in_ns isp ip -6 route add 2001:db8:a::/48 via 2001:db8:1::10
  in_ns isp ip -6 route add default via 2001:db8:2::2
  in_ns proxy ip -6 addr add 2001:db8:3::20/64 dev eth0 nodad
  in_ns proxy ip -6 route add default via 2001:db8:3::1
  in_ns internet ip -6 addr add 2001:db8:2::2/64 dev eth0 nodad
  in_ns internet ip -6 route add default via 2001:db8:2::1
  in_ns internet ip -6 route add local 2603:1005:5::/48 dev lo
  in_ns internet ip -6 route add local 2606:4706:6::/48 dev lo
  if [ "${1:-}" = proxy ]; then
    in_ns proxy sysctl -qw net.ipv6.conf.all.forwarding=1
    in_ns proxy ip -6 addr add fd00:d5::2 peer fd00:d5::1 dev whp-home nodad
    # whp-proxy lets no IPv6 out of the tunnel; what it masquerades is both families.
    in_ns proxy nft flush chain inet whp_home raw
  fi
  host=11
  for name in iphone macbook windows ubuntu xbox neighbour; do
    six "$name" 0
    in_ns "$name" ip -6 addr add "2001:db8:a::$host/64" dev eth0 nodad
    in_ns "$name" ip -6 route add default via 2001:db8:a::1
    host=$((host + 1))
  done
}

down() {
  in_ns proxy sh "$HERE/whp-proxy" up home --home 198.51.100.10 --key 5300 \
    --address 203.0.113.20 --local 10.213.0.1 --remote 10.213.0.2
  for name in iphone macbook windows ubuntu xbox neighbour isp proxy internet; do six "$name" 1; done
}

case ${1:-} in
  up) up "${2:-}" ;;
  down) down ;;
  *) sed -n '2,15p' "$0" >&2; exit 64 ;;
esac
