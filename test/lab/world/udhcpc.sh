#!/bin/sh
# What busybox udhcpc calls with a lease: the address and the default route, nothing else (the
# programs of the world ask the router by address, not through resolv.conf).
[ "$1" = bound ] || exit 0
ip addr flush dev "$interface"
ip addr add "$ip/${mask:-24}" dev "$interface"
for gateway in $router; do ip route replace default via "$gateway"; done
