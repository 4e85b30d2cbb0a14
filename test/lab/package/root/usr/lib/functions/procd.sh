# Lab stand-in for procd's shell side and for what procd does with it (service.c, instance.c). A
# service is a folder /tmp/procd/NAME: `triggers`, which /usr/lib/lab/event acts on, and `instance`,
# kept alive by /usr/lib/lab/supervise. As there:
# - a service without an instance stays known with its triggers, a deleted one is forgotten;
# - another description, or another sum of a `file`, ends what runs, and it is started anew at its
#   end; nobody waits for that. The same description changes nothing;
# - capabilities and namespaces are written down only: nothing here has a jail. Its environment is
#   supervise's.

. /usr/lib/lab/lock.sh

# A service's own; what an init script starts meanwhile has it too.
procd_lock() {
	[ "$PROCD_LOCK" != "$service" ] || return 0
	lab_lock "procd_$service"
	export PROCD_LOCK=$service
}

procd_open_service() {
	PROCD_SERVICE=$1 PROCD=/tmp/procd/$1.new
	rm -rf "$PROCD"
	mkdir -p "$PROCD"
	: >"$PROCD/triggers"
}
procd_open_instance() { mkdir "$PROCD/instance"; }
procd_close_instance() { :; }
procd_add_jail() { echo "$@" >"$PROCD/instance/jail"; }

procd_set_param() {
	local name=$1 word
	shift
	for word; do echo "$word"; done >"$PROCD/instance/$name"
}

# A line each: EVENT, the package it is about or -, and the command.
procd_add_raw_trigger() {
	local event=$1
	shift 2
	echo "$event - $*" >>"$PROCD/triggers"
}
procd_add_config_trigger() { echo "$*" >>"$PROCD/triggers"; }
procd_add_reload_trigger() {
	local file
	for file; do echo "config.change $file /etc/init.d/$PROCD_SERVICE reload" >>"$PROCD/triggers"; done
}

procd_close_service() {
	local now=/tmp/procd/$PROCD_SERVICE file
	procd_running "$PROCD_SERVICE" || procd_await "$now/instance"
	mkdir -p "$now"
	mv "$PROCD/triggers" "$now/triggers"
	if [ ! -d "$PROCD/instance" ]; then
		procd_halt "$now"
	else
		[ ! -f "$PROCD/instance/file" ] || for file in $(cat "$PROCD/instance/file"); do md5sum "$file"; done >"$PROCD/instance/sums"
		if ! procd_running "$PROCD_SERVICE"; then
			rm -rf "$now/instance"
			mv "$PROCD/instance" "$now/instance"
			setsid env -i /usr/lib/lab/supervise "$now/instance" </dev/null >/dev/null 2>&1 &
			echo $! >"$now/instance/supervisor"
			while [ ! -e "$now/instance/pid" ]; do sleep 0.1; done
		elif [ -e "$now/instance/halt" ] || procd_differs "$now/instance"; then
			cp "$PROCD/instance"/* "$now/instance/"
			: >"$now/instance/restart"
			procd_signal "$now" TERM
		fi
	fi
	rm -rf "$PROCD"
}

# Nothing runs: a supervisor that is about to forget the instance does so first, one that waits for the
# next try goes.
procd_await() {
	local old
	old=$(cat "$1/supervisor" 2>/dev/null) || return 0
	[ -e "$1/halt" ] || kill -9 "$old" 2>/dev/null
	while [ -d "/proc/$old" ]; do sleep 0.1; done
}

procd_differs() {
	local file
	for file in "$PROCD/instance"/*; do cmp -s "$file" "$1/${file##*/}" || return 0; done
	return 1
}

# SIGTERM, and nobody waits.
procd_halt() {
	[ -d "$1/instance" ] || return 0
	: >"$1/instance/halt"
	rm -f "$1/instance/restart"
	procd_signal "$1" TERM || kill "$(cat "$1/instance/supervisor")" 2>/dev/null
	return 0
}

procd_kill() {
	rm -f "/tmp/procd/$1/triggers"
	procd_halt "/tmp/procd/$1"
	[ -d "/tmp/procd/$1/instance" ] || rm -rf "/tmp/procd/$1"
}

procd_signal() { kill -"$2" "$(cat "$1/instance/pid" 2>/dev/null)" 2>/dev/null; }
procd_send_signal() { procd_signal "/tmp/procd/$1" "${3:-HUP}"; }
procd_running() {
	local pid
	pid=$(cat "/tmp/procd/$1/instance/pid" 2>/dev/null)
	[ -n "$pid" ] && [ -d "/proc/$pid" ]
}
