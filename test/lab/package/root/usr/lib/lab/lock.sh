# lab_lock NAME: waits for a lock and has it until this shell ends, as flock on an open file (the lab's
# router has no flock). One whose holder was killed is taken.
lab_lock() {
	local lock=/var/lock/lab.$1
	until mkdir "$lock" 2>/dev/null; do
		[ -d "/proc/$(cat "$lock/pid" 2>/dev/null)" ] || rm -rf "$lock"
		sleep 0.1
	done
	echo $$ >"$lock/pid"
	trap "rm -rf '$lock'" EXIT
}
