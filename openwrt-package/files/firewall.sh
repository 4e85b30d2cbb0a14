#!/bin/sh
# The package's part of the firewall's configuration, in named sections of its own:
#   whp          the zone of all tunnel devices; fw4 forwards nothing into a device without a zone
#   whp_lan      from the home into it; nothing comes back that was not asked for
#   whp_check    calls this file after every start, reload and restart of the firewall
# firewall.sh install (idempotent) | remove | check. fw4 runs it without an argument: check.

install() {
	[ -e /etc/config/firewall ] || return 0
	[ "$(uci -q get firewall.whp)" = zone ] && return 0
	uci -q batch <<-EOB
		set firewall.whp=zone
		set firewall.whp.name='whp'
		set firewall.whp.device='whp-+'
		set firewall.whp.input='REJECT'
		set firewall.whp.output='ACCEPT'
		set firewall.whp.forward='REJECT'
		set firewall.whp.masq='1'
		set firewall.whp.mtu_fix='1'
		set firewall.whp_lan=forwarding
		set firewall.whp_lan.src='lan'
		set firewall.whp_lan.dest='whp'
		set firewall.whp_check=include
		set firewall.whp_check.type='script'
		set firewall.whp_check.path='/usr/share/whp/firewall.sh'
		set firewall.whp_check.fw4_compatible='1'
		commit firewall
	EOB
	reload_firewall
}

remove() {
	local section gone=1
	for section in whp whp_lan whp_check; do
		uci -q delete "firewall.$section" && gone=0
	done
	[ "$gone" = 0 ] || return 0
	uci -q commit firewall
	reload_firewall
}

# Only where the firewall runs: at the first boot it has not been started yet.
reload_firewall() {
	nft -t list table inet fw4 >/dev/null 2>&1 && fw4 -q reload
	return 0
}

# `fw4 flush` takes every table, the agent's too. The agent is told by the kernel and puts its own
# back; this asks it to look, should it have missed that.
check() {
	[ -S /var/run/whp.sock ] || return 0
	nft -t list chain inet whp prerouting >/dev/null 2>&1 && return 0
	/etc/init.d/whp reload
}

case ${1:-check} in
	install | remove | check) "${1:-check}" ;;
	*) echo "usage: $0 install|remove|check" >&2; exit 2 ;;
esac
