# Runs suites of tests, and tells of them: one line each, in the order of their starts; the whole output of one that
# fails. Sourced by scripts/test.sh, with bash.

passed=0 failed=0 skipped=0
# Of each suite, by its number: NUMBER has its output, NUMBER.end its status and seconds. `told` have been printed.
folder=$(mktemp -d)
suites=() told=0 groups=()
trap 'for group in "${groups[@]}"; do kill -- "-$group" 2>/dev/null; done; rm -rf "$folder"' EXIT

# prepare NAME COMMAND...: what the suites need; nothing can be tested without it.
prepare() {
  local name=$1 started=$EPOCHREALTIME output=$folder/prepared
  shift
  if ! "$@" >"$output" 2>&1; then
    cat "$output"
    printf 'FAILED %s\n%d passed, %d failed\n' "$name" "$passed" $((failed + 1))
    exit 1
  fi
  printf '%-6s %-24s %s s\n' ready "$name" "$(since "$started")"
}

# suite NAME COMMAND...: runs it and adds up its tests. They are read from lines such as
# "NAME: 3 passed, 1 failed, 2 skipped" or, without one, from uvu's Passed and Total. A command
# that prints neither is one test; one that ends with an error has at least one failure.
suite() {
  suites+=("$1")
  run_into "$folder/$((${#suites[@]} - 1))" "${@:2}"
  tell
}

# beside NAME COMMAND...: a suite that runs beside those after it, until `join`.
beside() {
  suites+=("$1")
  # In a process group of its own, so that the end of this script ends it too.
  set -m
  run_into "$folder/$((${#suites[@]} - 1))" "${@:2}" &
  set +m
  groups+=("$!")
}

join() {
  wait
  groups=()
  tell
}

# run_into FILE COMMAND...
run_into() {
  local started=$EPOCHREALTIME status=0
  "${@:2}" >"$1" 2>&1 || status=$?
  echo "$status $(since "$started")" >"$1.part" && mv "$1.part" "$1.end"
}

# Prints the suites that have ended, up to the first that has not.
tell() {
  local output name good bad idle status seconds
  for (( ; told < ${#suites[@]}; told++)); do
    output=$folder/$told name=${suites[told]}
    [ -e "$output.end" ] || return 0
    read -r status seconds <"$output.end"
    read -r good bad idle < <(counts <"$output")
    [ $((good + bad + idle)) -eq 0 ] && [ "$status" -eq 0 ] && good=1
    [ "$bad" -eq 0 ] && [ "$status" -ne 0 ] && bad=1
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + idle))
    [ "$bad" -gt 0 ] && cat "$output"
    printf '%-6s %-24s %5d passed, %d failed%s  %s s\n' "$([ "$bad" -eq 0 ] && echo ok || echo FAILED)" \
      "$name" "$good" "$bad" "$([ "$idle" -gt 0 ] && echo ", $idle skipped")" "$seconds"
  done
}

counts() {
  awk '
    /: [0-9]+ passed, [0-9]+ failed/ {
      for (i = 2; i <= NF; i++) {
        if ($i ~ /^passed/) good += $(i - 1)
        if ($i ~ /^failed/) bad += $(i - 1)
        if ($i ~ /^skipped/) idle += $(i - 1)
      }
      lines++
    }
    /^ *Total: +[0-9]+/ { total += $2 }
    /^ *Passed: +[0-9]+/ { uvu += $2 }
    /^ *Skipped: +[0-9]+/ { left += $2 }
    END {
      if (lines) print good + 0, bad + 0, idle + 0
      else print uvu + 0, total - uvu, left + 0
    }'
}

since() { awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }'; }

# end_suites: prints "N passed, N failed"; its status is the script's.
end_suites() {
  join
  echo "$passed passed, $failed failed$([ "$skipped" -gt 0 ] && echo ", $skipped skipped")"
  [ "$failed" -eq 0 ]
}
