# Where Debian's packages come from; sourced, by sh too. The mirror that this machine's own apt uses,
# unless WHP_MIRROR names another.

# debian_mirror: prints its address; fails where there is none.
debian_mirror() {
  if [ -n "${WHP_MIRROR:-}" ]; then
    echo "$WHP_MIRROR"
    return 0
  fi
  # Read from apt's sources, both forms: apt itself names them only once it has fetched their lists.
  # One of the two places may be empty.
  named=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    sed -n -e 's/^URIs: *//p' -e 's/^deb \(\[[^]]*\] *\)\{0,1\}\([^ ]*\) .*/\2/p' |
    tr ' ' '\n') || true
  found=$(echo "$named" | grep -E -m 1 '/debian/?$') || found=${named%%
*}
  if [ -n "$found" ]; then
    echo "$found"
    return 0
  fi
  echo 'no Debian mirror is known: apt has no sources here; name one in WHP_MIRROR' >&2
  return 1
}
