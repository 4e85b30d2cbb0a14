#!/bin/sh
# The package's part of the firewall's configuration, in named sections of its own:
#   whp          the zone of all tunnel devices; fw4 forwards nothing into a device without a zone
#   whp_lan      from the home's zone into it (whp_lan2 ... where the lan devices have several zones);
#                nothing comes back that was not asked for
#   whp_check    calls this file after every start, reload and restart of the firewall
# firewall.sh install   adds what is missing
#             renew     the same, but not what its owner has taken away while whp_check is there: the
#                       package and its service ask for this
#             remove | check    fw4 runs it without an argument: check

export PATH=/usr/sbin:/usr/bin:/sbin:/bin
set -f
SELF=/usr/share/whp/firewall.sh
FILE=/etc/config/firewall
TUNNELS='whp-+'
# What is read and changed: a copy while sections are added or taken away (see edit).
UCI='uci -q' FIREWALL=firewall

# What went wrong, and how it is put right; in the log too, since procd throws away what is printed.
fail() {
	echo "whp: $1" >&2
	logger -t whp -p daemon.err "$1" 2>/dev/null
	return 1
}

has() { $UCI get "$FIREWALL.$1" >/dev/null; }

sections() { $UCI -X show "$FIREWALL" | pick "$@"; }

# TYPE OPTION..., what `uci show` says on standard input: a line for each section of the type: name|off|value|..., with off empty or 1.
pick() {
	local type=$1
	shift
	awk -F= -v type="$type" -v options="$*" '
		function put(line, i) {
			if (kind != type) return
			line = id "|" off
			for (i = 1; i <= count; i++) line = line "|" values[i]
			print line
		}
		BEGIN { count = split(options, names, " ") }
		{
			gsub(/\047/, "")
			value = substr($0, index($0, "=") + 1)
			if (split($1, part, ".") == 2) {
				put(); id = part[2]; kind = value; off = ""; split("", values)
			}
			if (part[3] == "enabled" && value ~ /^(0|off|false|no|disabled)$/) off = 1
			for (i = 1; i <= count; i++) if (part[3] == names[i]) values[i] = value
		}
		END { put() }'
}

# SECTION TYPE [OPTION=VALUE]...
put() {
	local section=$1 pair
	$UCI set "$FIREWALL.$1=$2" || return 1
	shift 2
	for pair; do $UCI set "$FIREWALL.$section.$pair" || return 1; done
}

# NETWORKS, as `pick` has them, and the names of some: their Linux devices.
devices_of() {
	local networks="$1" network
	shift
	for network; do
		echo "$networks" | while IFS='|' read -r name off type device ifname; do
			[ "$name" = "$network" ] || continue
			if [ "$type" = bridge ]; then echo "br-$name"; else echo "${device:-$ifname}"; fi
		done
	done
}

# DEVICE PATTERN...: whether one of them is it, or begins it (fw4: a `+` at the end).
covers() {
	local device=$1 pattern
	shift
	for pattern; do
		case $pattern in
			"$device") return 0 ;;
			?*+) [ "${device#"${pattern%+}"}" = "$device" ] || return 0 ;;
		esac
	done
	return 1
}

# DEVICE: the name of the zone that holds it, if one does.
zone_of() {
	local networks
	networks=$(uci -q -X show network | pick interface type device ifname)
	sections zone name device network | while IFS='|' read -r section off name devices inside; do
		[ -z "$off" ] && covers "$1" $devices $(devices_of "$networks" $inside) || continue
		echo "$name"
		break
	done
}

is_zone() { sections zone name | cut -d '|' -f 3 | grep -qxF -e "$1"; }

lan_devices() { uci -q get whp.globals.lan || echo br-lan; }

# The zones of the lan devices; where networks do not say which, the one that is called so.
lan_zones() {
	local device zones
	zones=$(for device in $(lan_devices); do zone_of "$device"; done | sort -u)
	if [ -n "$zones" ]; then echo "$zones"
	elif is_zone lan; then echo lan; fi
}

# TEST NAME: NAME, or with the first number for which `TEST NAME` says no.
free() {
	local name=$2 number=1
	while "$1" "$name"; do name=$2$((number += 1)); done
	echo "$name"
}

# FROM TO
is_forwarded() { sections forwarding src dest | cut -d '|' -f 2- | grep -qxF -e "|$1|$2"; }

# Forwardings of ours from a zone that is no more: its owner has given it another name.
dead() {
	sections forwarding src | grep '^whp_lan[0-9]*|' | while IFS='|' read -r section off source; do
		is_zone "$source" || echo "$section"
	done
}

# A zone of the owner's that holds the tunnels is used; one that is only called whp is left alone.
add() {
	local source sources zone
	for source in $(dead); do $UCI delete "$FIREWALL.$source"; done
	sources=$(lan_zones)
	[ -n "$sources" ] || {
		fail "no firewall zone holds $(lan_devices): put its network into a zone, then $SELF install"
		return 1
	}
	zone=$(zone_of "$TUNNELS")
	[ -n "$zone" ] || {
		zone=$(free is_zone whp)
		put "$(free has whp)" zone "name=$zone" "device=$TUNNELS" input=REJECT output=ACCEPT \
			forward=REJECT masq=1 mtu_fix=1 || return 1
	}
	for source in $sources; do
		is_forwarded "$source" "$zone" ||
			put "$(free has whp_lan)" forwarding "src=$source" "dest=$zone" || return 1
	done
	has whp_check || put whp_check include type=script "path=$SELF" fw4_compatible=1
}

ours() {
	sections include | sed -n 's/^\(whp_check\)|.*/\1/p'
	sections forwarding | sed -n 's/^\(whp_lan[0-9]*\)|.*/\1/p'
	sections zone device | sed -n "s/^\(whp[0-9]*\)|1\{0,1\}|$TUNNELS\$/\1/p"
}

take_away() {
	local section
	for section in $(ours); do $UCI delete "$FIREWALL.$section" || return 1; done
}

# FUNCTION: changes the file by it, and by nothing that its owner has only tried (uci set), which a
# `uci commit` would take in. So the function works on a copy under another name, for which nothing waits.
edit() {
	local copy new="$FILE.whp" UCI="$UCI" FIREWALL="$FIREWALL"
	copy=$(mktemp -d) && cp -p "$FILE" "$copy/before" && cp "$FILE" "$copy/whp_firewall" &&
		UCI="uci -q -c $copy -t $copy/changes" FIREWALL=whp_firewall && "$1" || {
		rm -rf "$copy"
		return 1
	}
	if [ -n "$($UCI changes "$FIREWALL")" ]; then
		$UCI commit "$FIREWALL" && keeps_waiting && cmp -s "$copy/before" "$FILE" && cp -p "$FILE" "$new" &&
			cat "$copy/whp_firewall" >"$new" && mv "$new" "$FILE" || {
			rm -rf "$copy" "$new"
			return 1
		}
		reload_firewall
	fi
	rm -rf "$copy"
}

# uci names an unnamed section by its place (cfg05...). A change that waits for one whose place would be
# another is lost at its owner's commit.
keeps_waiting() {
	local one
	for one in $(uci -q changes firewall | sed -n 's/^[^a-z]*firewall\.\(cfg[0-9a-f]*\).*/\1/p' | sort -u); do
		has "$one" || ! $UCI get "before.$one" >/dev/null || {
			fail "changes of yours wait (uci changes firewall): commit or revert them first"
			return 1
		}
	done
}

is_complete() {
	local source zone
	zone=$(zone_of "$TUNNELS")
	has whp_check && [ -n "$zone" ] && [ -z "$(dead)" ] || return 1
	for source in $(lan_zones); do is_forwarded "$source" "$zone" || return 1; done
}

renew() {
	! has whp_check || { [ -n "$(dead)" ] && [ -n "$(zone_of "$TUNNELS")" ]; } || return 0
	install
}

install() {
	[ -e "$FILE" ] || { fail "there is no $FILE: no zone for the tunnels"; return 1; }
	is_complete || edit add || fail "the tunnels' zone could not be added to $FILE: $SELF install"
}

remove() {
	[ -z "$(ours)" ] || edit take_away || fail "whp's sections are left in $FILE: uci delete firewall.NAME, for $(ours | tr '\n' ' ')"
}

# Only where the firewall runs: at the first boot it has not been started yet. fw4 would load what its
# owner has only tried as well.
reload_firewall() {
	nft -t list table inet fw4 >/dev/null 2>&1 || return 0
	[ -z "$(uci -q changes firewall)" ] || {
		fail "the firewall is not reloaded while changes of yours wait: uci commit firewall (or uci revert firewall), then fw4 reload"
		return 0
	}
	fw4 -q reload
	return 0
}

# `fw4 flush` takes every table that it can, the agent's too. The agent is told by the kernel and puts
# its own back; this asks it to look, should it have missed that. Not waited for: fw4 waits for this
# with its lock held, and an init script that has called fw4 waits with its own.
check() {
	[ -S /var/run/whp.sock ] || return 0
	nft -t list chain inet whp prerouting >/dev/null 2>&1 && return 0
	/etc/init.d/whp reload </dev/null >/dev/null 2>&1 &
}

case ${1:-check} in
	install | renew | remove | check) "${1:-check}" ;;
	*) echo "usage: $SELF install|renew|remove|check" >&2; exit 2 ;;
esac
