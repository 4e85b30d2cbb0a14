# Fetches the source of the JavaScript engine, quickjs-ng, into the cache; sourced, after packages.sh.
# First Debian's package qjs-src, pinned by checksum; only suites newer than Debian 12 hold it, so apt
# is given a configuration of its own, and the machine's lists and sources stay as they are. When
# Debian has moved on, upstream's repository, pinned by the id of the release's commit: git compares
# all it fetches with that id.

. scripts/lib/mirror.sh

QUICKJS_VERSION=0.17.0
QUICKJS_DEB=qjs-src_0.17.0-1_all.deb
QUICKJS_SHA256=04631979bdadaccffd76c1cb0aff5d07389aa889a90b6a902eba858a3a3b3988
# Of the tag v0.17.0.
QUICKJS_COMMIT=6d46d07d04041b40f4f49eaa7fdebe44c314c699
QUICKJS_URL=${WHP_QUICKJS_URL:-https://github.com/quickjs-ng/quickjs.git}

# fetch_quickjs CACHE: leaves the source in CACHE/quickjs-ng-VERSION.
fetch_quickjs() {
  local cache=$1 source=$1/quickjs-ng-$QUICKJS_VERSION work status=0
  [ -e "$source/quickjs.c" ] && return 0
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/quickjs.XXXXXX")
  { from_debian "$cache" "$work" || from_upstream "$work"; } && mv "$work/source" "$source" || status=1
  rm -rf "$work"
  return $status
}

from_debian() { # CACHE WORK
  local cache=$1 work=$2 suite
  for suite in sid forky; do
    [ -e "$cache/$QUICKJS_DEB" ] && break
    echo "host: fetching quickjs-ng $QUICKJS_VERSION ($QUICKJS_DEB, Debian $suite)"
    download_from "$suite" "$cache" || true
  done
  if [ ! -e "$cache/$QUICKJS_DEB" ]; then
    echo "host: Debian does not offer $QUICKJS_DEB" >&2
    return 1
  fi
  if ! echo "$QUICKJS_SHA256  $cache/$QUICKJS_DEB" | sha256sum --check --status; then
    echo "host: $cache/$QUICKJS_DEB has another sha256 than $QUICKJS_SHA256: not used" >&2
    return 1
  fi
  dpkg -x "$cache/$QUICKJS_DEB" "$work/deb" && mv "$work/deb/usr/src/quickjs-ng" "$work/source"
}

from_upstream() { # WORK
  local git=(git --git-dir="$1/git")
  need git=git || return 1
  echo "host: fetching quickjs-ng $QUICKJS_VERSION (commit $QUICKJS_COMMIT of $QUICKJS_URL)"
  mkdir "$1/source"
  # That commit without its history.
  "${git[@]}" init -q --bare && "${git[@]}" fetch -q --depth 1 "$QUICKJS_URL" "$QUICKJS_COMMIT" &&
    "${git[@]}" archive --format=tar "$QUICKJS_COMMIT" | tar -x -C "$1/source" && return 0
  cat >&2 <<EOF
host: no commit $QUICKJS_COMMIT from $QUICKJS_URL: try again when
the network is back, or name another copy of that repository in WHP_QUICKJS_URL.
EOF
  return 1
}

download_from() {
  local suite=$1 cache=$2 apt mirror
  mirror=$(debian_mirror) || return 1
  apt=$(mktemp -d "$cache/apt.XXXXXX")
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
    >"$apt/sources.list"
  cat >"$apt/apt.conf" <<EOF
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt/cache";
APT::Architecture "amd64";
APT::Sandbox::User "root";
Acquire::Languages "none";
// A mirror that is behind, or a clock ahead of it, does no harm: the checksum above decides.
Acquire::Check-Valid-Until "false";
EOF
  (
    export APT_CONFIG=$apt/apt.conf
    cd "$cache" && apt-get -qq update && apt-get -qq download "qjs-src=${QUICKJS_VERSION}-1"
  )
  local status=$?
  rm -rf "$apt"
  return $status
}
