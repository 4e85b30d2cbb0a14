# Lab stand-in for procd's shell side. One instance a service, described in /tmp/procd/SERVICE/ and
# kept alive by /usr/lib/lab/supervise; triggers are written down for the session to look at and
# /usr/lib/lab/trigger to act on. Jail and capabilities are written down only: nothing here has them.

procd_begin() {
	PROCD_SERVICE=$1 PROCD=/tmp/procd/$1.new
	rm -rf "$PROCD"
	mkdir -p "$PROCD"
}

procd_open_instance() { : >"$PROCD/open"; }
procd_close_instance() { rm "$PROCD/open"; }
procd_add_jail() { echo "$@" >"$PROCD/jail"; }

procd_set_param() {
	local name=$1 word
	shift
	for word in "$@"; do echo "$word"; done >"$PROCD/$name"
}

procd_add_reload_trigger() {
	local file
	for file in "$@"; do echo "config $file"; done >>"$PROCD/triggers"
}
procd_add_raw_trigger() { echo "raw $1" >>"$PROCD/triggers"; }
procd_add_reload_interface_trigger() { echo "interface $1" >>"$PROCD/triggers"; }

# The same description changes nothing; another one, or none, ends what runs.
procd_end() {
	local now=/tmp/procd/$PROCD_SERVICE
	[ ! -f "$PROCD/file" ] || md5sum $(cat "$PROCD/file") >"$PROCD/sums"
	if [ -d "$now" ] && [ -d "/proc/$(cat "$now/supervisor")" ] &&
		cmp -s "$PROCD/command" "$now/command" && cmp -s "$PROCD/sums" "$now/sums"; then
		rm -rf "$PROCD"
		return 0
	fi
	procd_kill "$PROCD_SERVICE"
	[ -f "$PROCD/command" ] || {
		rm -rf "$PROCD"
		return 0
	}
	mv "$PROCD" "$now"
	setsid /usr/lib/lab/supervise "$now" </dev/null >/dev/null 2>&1 &
	echo $! >"$now/supervisor"
}

procd_pid() { cat "/tmp/procd/$1/pid" 2>/dev/null; }

procd_running() {
	local pid=$(procd_pid "$1")
	[ -n "$pid" ] && [ -d "/proc/$pid" ]
}

procd_send_signal() {
	local pid=$(procd_pid "$1")
	[ -z "$pid" ] || kill -"${3:-HUP}" "$pid"
}

# SIGTERM, and SIGKILL when term_timeout is over.
procd_kill() {
	local now=/tmp/procd/$1 pid=$(procd_pid "$1") left
	[ -d "$now" ] || return 0
	kill "$(cat "$now/supervisor")" 2>/dev/null
	left=$(($(cat "$now/term_timeout" 2>/dev/null || echo 5) * 10))
	[ -z "$pid" ] || kill "$pid" 2>/dev/null
	while [ -n "$pid" ] && [ -d "/proc/$pid" ] && [ $((left -= 1)) -gt 0 ]; do sleep 0.1; done
	[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
	rm -rf "$now"
}
