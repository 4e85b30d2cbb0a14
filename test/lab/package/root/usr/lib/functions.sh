# Lab stand-in for OpenWrt's /lib/functions.sh: what the package's scripts call of it, no more.
# Configuration sections are read into variables CONFIG_<section>_<option>.

config_load() {
	local line
	CONFIG_SECTION= CONFIG_SECTIONS=
	[ -f "/etc/config/$1" ] || return 0
	while read -r line; do
		case "$line" in
			config\ * | option\ * | list\ *) eval "_config_$line" ;;
		esac
	done <"/etc/config/$1"
}

_config_config() {
	CONFIG_SECTION=${2:-anonymous}
	CONFIG_SECTIONS="$CONFIG_SECTIONS $1:$CONFIG_SECTION"
}
_config_option() { eval "CONFIG_${CONFIG_SECTION}_$1=\$2"; }
_config_list() { eval "CONFIG_${CONFIG_SECTION}_$1=\"\${CONFIG_${CONFIG_SECTION}_$1} \$2\""; }

# FUNCTION TYPE; SECTION LIST FUNCTION.
config_foreach() {
	local one
	for one in $CONFIG_SECTIONS; do [ "${one%%:*}" != "$2" ] || "$1" "${one#*:}"; done
}
config_list_foreach() {
	local one
	for one in $(eval "echo \$CONFIG_$1_$2"); do "$3" "$one"; done
}

config_get() { eval "$1=\${CONFIG_$2_$3:-\$4}"; }

config_get_bool() {
	config_get "$@"
	case "$(eval "echo \$$1")" in
		1 | on | true | yes | enabled) eval "$1=1" ;;
		0 | off | false | no | disabled) eval "$1=0" ;;
		*) eval "$1=\$4" ;;
	esac
}

_package() { [ -n "$pkgname" ] || pkgname=$(basename "${1%.*}"); }
_files() { cat "/usr/lib/opkg/info/$pkgname.list" "/lib/apk/packages/$pkgname.list" 2>/dev/null; }

add_group_and_user() { :; }

# As base-files has it: the package's defaults, which stay when they fail; what anybody has staged is
# committed; opkg's own script; its services. apk's own script comes after all that.
default_postinst() {
	_package "$1"
	local file status=0
	local own=/usr/lib/opkg/info/$pkgname.postinst-pkg
	for file in $(_files | grep '^/etc/uci-defaults/'); do
		([ -f "$file" ] && cd "$(dirname "$file")" && . "$file") && rm -f "$file"
	done
	[ -z "$(_files | grep '^/etc/uci-defaults/')" ] || uci commit
	[ ! -f "$own" ] || (. "$own") || status=$?
	for file in $(_files | grep '^/etc/init.d/'); do
		[ "$PKG_UPGRADE" = 1 ] || "$file" enable
		"$file" start
	done
	return $status
}

default_prerm() {
	_package "$1"
	local file status=0
	local own=/usr/lib/opkg/info/$pkgname.prerm-pkg
	[ ! -f "$own" ] || (. "$own") || status=$?
	for file in $(_files | grep '^/etc/init.d/'); do
		[ "$PKG_UPGRADE" = 1 ] || "$file" disable
		"$file" stop
	done
	return $status
}
