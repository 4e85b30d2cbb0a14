# Lab stand-in for OpenWrt's /lib/functions.sh: what the package's scripts call of it, no more.
# Configuration sections are read into variables CONFIG_<section>_<option>.

config_load() {
	local line
	CONFIG_SECTION=
	[ -f "/etc/config/$1" ] || return 0
	while read -r line; do
		case "$line" in
			config\ * | option\ *) eval "_config_$line" ;;
		esac
	done <"/etc/config/$1"
}

_config_config() { CONFIG_SECTION=${2:-anonymous}; }
_config_option() { eval "CONFIG_${CONFIG_SECTION}_$1=\$2"; }

config_get() { eval "$1=\${CONFIG_$2_$3:-\$4}"; }

config_get_bool() {
	config_get "$@"
	case "$(eval "echo \$$1")" in
		1 | on | true | yes | enabled) eval "$1=1" ;;
		*) eval "$1=0" ;;
	esac
}

# Runs what a package brings: its defaults, once; its own script; its services.
default_postinst() {
	local name=$(basename "${1%.*}") file status=0
	local list=/usr/lib/opkg/info/$name.list info=/usr/lib/opkg/info/$name
	for file in $(grep '^/etc/uci-defaults/' "$list"); do
		(cd /etc/uci-defaults && . "$file") && rm -f "$file"
	done
	[ ! -f "$info.postinst-pkg" ] || (. "$info.postinst-pkg") || status=$?
	for file in $(grep '^/etc/init.d/' "$list"); do
		[ "$PKG_UPGRADE" = 1 ] || "$file" enable
		"$file" start
	done
	return $status
}

default_prerm() {
	local name=$(basename "${1%.*}") file status=0
	local list=/usr/lib/opkg/info/$name.list info=/usr/lib/opkg/info/$name
	[ ! -f "$info.prerm-pkg" ] || (. "$info.prerm-pkg") || status=$?
	for file in $(grep '^/etc/init.d/' "$list"); do
		[ "$PKG_UPGRADE" = 1 ] || "$file" disable
		"$file" stop
	done
	return $status
}
