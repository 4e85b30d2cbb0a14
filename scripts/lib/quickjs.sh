# Fetches the source of the JavaScript engine, quickjs-ng, pinned by version and checksum; sourced.
# It is Debian's package qjs-src, which only the suites newer than Debian 12 hold: apt is given a
# configuration of its own, so the machine's lists and sources stay as they are.

. scripts/lib/mirror.sh

QUICKJS_VERSION=0.17.0
QUICKJS_DEB=qjs-src_0.17.0-1_all.deb
QUICKJS_SHA256=04631979bdadaccffd76c1cb0aff5d07389aa889a90b6a902eba858a3a3b3988

# fetch_quickjs CACHE: leaves the source in CACHE/quickjs-ng-VERSION.
fetch_quickjs() {
  local cache=$1 source=$1/quickjs-ng-$QUICKJS_VERSION suite
  [ -e "$source/quickjs.c" ] && return 0
  mkdir -p "$cache"
  for suite in sid forky; do
    [ -e "$cache/$QUICKJS_DEB" ] && break
    echo "host: fetching quickjs-ng $QUICKJS_VERSION ($QUICKJS_DEB, Debian $suite)"
    download_from "$suite" "$cache" || true
  done
  if [ ! -e "$cache/$QUICKJS_DEB" ]; then
    cat >&2 <<EOF
host: Debian no longer offers $QUICKJS_DEB. Put that file (Debian's snapshot archive keeps
old versions) into $cache and run this again, or unpack the upstream tag
https://github.com/quickjs-ng/quickjs/releases/tag/v$QUICKJS_VERSION as $source.
EOF
    return 1
  fi
  if ! echo "$QUICKJS_SHA256  $cache/$QUICKJS_DEB" | sha256sum --check --status; then
    echo "host: $cache/$QUICKJS_DEB has the wrong sha256 (want $QUICKJS_SHA256): remove it" >&2
    return 1
  fi
  local unpacked
  unpacked=$(mktemp -d "$cache/unpack.XXXXXX")
  dpkg -x "$cache/$QUICKJS_DEB" "$unpacked"
  mv "$unpacked/usr/src/quickjs-ng" "$source"
  rm -rf "$unpacked"
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
