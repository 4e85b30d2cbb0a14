# Lab stand-in for OpenWrt's /lib/functions/network.sh: the lab's router has one way out.
network_find_wan() { eval "$1=wan"; }
network_find_wan6() { return 1; }
