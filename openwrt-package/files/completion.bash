# Completion of whp for bash. Names are asked of the running agent, and are never expanded: devices choose some.

_whp() {
	local socket=/var/run/whp.sock words= kinds= kind at one operands=()
	for ((at = 1; at < COMP_CWORD; at++)); do
		case ${COMP_WORDS[at]} in
			--socket) socket=${COMP_WORDS[++at]} ;;
			--limit | --lan | --config | --profiles | --state) ((++at)) ;;
			--totals) operands+=(--totals) ;;
			-*) ;;
			*) operands+=("${COMP_WORDS[at]}") ;;
		esac
	done
	local commands='status flows why learned devices monitor pause resume pin unpin forget proxy check reload
		profile test audit diag version help ruleset replay completion daemon'
	case "$2:${operands[*]}" in
		-*) _whp_options "${operands[0]}" ;;
		*:) words=$commands ;;
		*:help) words="$commands more" ;;
		*:'flows --totals' | *:'--totals flows') words='app device proxy' ;;
		*:*' --totals app' | *:'--totals flows app') kinds=apps ;;
		*:*' --totals proxy' | *:'--totals flows proxy') kinds=proxies ;;
		*:*'--totals '*) words='hour day week month year' ;;
		*:why) kinds='devices groups' ;;
		*:pause) words='all forever' kinds=apps ;;
		*:'pause '*) words=forever ;;
		*:resume) words=all kinds=apps ;;
		*:pin) words=list ;;
		*:'pin '*) kinds=apps ;;
		*:unpin) kinds=pins ;;
		*:forget) words=all kinds='apps devices groups' ;;
		*:proxy) words='list use' ;;
		*:'proxy use') words=auto kinds=proxies ;;
		*:profile) words='list show validate import' ;;
		*:'profile show') kinds=profiles ;;
		*:completion) words='apps devices groups pins profiles proxies' ;;
		*:check | *:diag | *:replay | *:'profile validate' | *:'profile import') compopt -o default ;;
	esac
	for kind in $kinds; do
		[ -S "$socket" ] && words+=" $(whp completion "$kind" --socket "$socket" 2>/dev/null)"
	done
	COMPREPLY=()
	while read -r one; do
		[[ -n $one && $one == "$2"* ]] && COMPREPLY+=("$one")
	done <<<"${words//[$' \t']/$'\n'}"
}

# The options that a command takes.
_whp_options() {
	words='--config --profiles --state --socket'
	[ "$1" = daemon ] || words+=' --json'
	case $1 in
		status) words+=' --quiet' ;;
		flows) words+=' --ended --recent --totals --csv --limit' ;;
		learned) words+=' --limit' ;;
		check) words+=' --explain' ;;
		profile) words+=' --sources' ;;
		replay) words+=' --lan' ;;
	esac
}

complete -F _whp whp
