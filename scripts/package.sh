#!/usr/bin/env bash
# Builds the packages a router installs: out/package/whp_VERSION_ARCH.ipk and, the same for every router,
# luci-app-whp_VERSION_all.ipk (and, where APK names a program of apk 3, both as .apk), from the feed's own
# Makefile (openwrt-package) with scripts/buildroot in the buildroot's place.
#
#   scripts/package.sh [--check] [--start|--run] [--version VERSION-rN] [ARCH...]
#
#   aarch64_cortex-a53         most routers with a 64-bit ARM processor (mediatek filogic, mvebu, ...)
#   arm_cortex-a7_neon-vfpv4   ipq40xx and the like
#   mipsel_24kc                ramips: little-endian, no floating point
#   mips_24kc                  ath79: big-endian, no floating point (TL-WR1043ND)
#   x86_64                     a PC or a virtual machine
#
# `opkg print-architecture` on the router (OpenWrt 25.12: `cat /etc/apk/arch`) says which one it is.
# Without ARCH: x86_64 mips_24kc. Prints what each costs on the flash. With --start a minute for one ARCH; the
# first build of an ARCH compiles a C library before.
#
#   --check      builds twice and compares: the same sources give the same bytes
#   --start      starts each under an emulator of its processor: whp version, the native part's tests
#   --run        the same, and the host's unit tests: a minute for each
#   --version    another version than the Makefile's, such as 0.2.0-r1
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/usage.sh
. scripts/lib/node.sh
. scripts/lib/packages.sh
. scripts/lib/quickjs.sh
. scripts/lib/musl.sh
. scripts/lib/apk.sh

# Both parts of the promise in bytes: packed as the package holds it.
BUDGET=$((600 * 1024))

help_asked "$@"
check=false start=false unit=false version='' archs=()
while [ $# -gt 0 ]; do
  case $1 in
    --check) check=true ;;
    --start) start=true ;;
    --run) start=true unit=true ;;
    --version)
      [[ ${2:-} =~ ^[0-9]+(\.[0-9]+)*-r[0-9]+$ ]] || refuse "--version ${2:-}: such as 0.1.0-r1"
      version=$2
      shift
      ;;
    -*) refuse "unknown option $1" ;;
    *)
      [[ " $PROCESSORS " == *" $1 "* ]] || refuse "no build for '$1'; known: $PROCESSORS" \
        '(run opkg print-architecture on the router)'
      archs+=("$1")
      ;;
  esac
  shift
done
[ ${#archs[@]} -gt 0 ] || archs=(x86_64 mips_24kc)

need_node
mkdir -p "${WHP_CACHE:-out/cache}" out/package
cache=$(realpath "${WHP_CACHE:-out/cache}")
out=$(realpath out/package)
# Of the newest commit: the same sources give the same time, on every machine.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1767225600)}
export SOURCE_DATE_EPOCH

# build ARCH DIRECTORY: leaves data/ and control/ there.
build() {
  local arch=$1 work=$2 triplet machine soft emulator tools made_with
  musl_target "$arch"
  musl_compiler "$cache" "$arch"
  # Objects of another compiler or of other flags are not ours; make looks after the rest.
  made_with="$musl_root $(cat scripts/buildroot/rules.mk scripts/buildroot/include/*.mk | sha256sum)"
  [ "$(cat "$work/made-with" 2>/dev/null)" = "$made_with" ] || rm -rf "$work"
  mkdir -p "$work"
  echo "$made_with" >"$work/made-with"
  make_package "$work" PACKAGE=whp CACHE="$cache" ENGINE="$cache/quickjs-ng-$QUICKJS_VERSION" ARCH="$arch" \
    CC="$musl_root/cc" STRIP="$triplet-strip"
  # What a machine that is not OpenWrt needs to run it: the C library, under OpenWrt's name for it.
  mkdir -p "$work/library"
  cp "$musl_root/lib/libc.so" "$work/library/$(basename "$(cat "$musl_root/loader")")"
}

# build_pages DIRECTORY: the same of LuCI's pages.
build_pages() {
  rm -rf "$1"
  mkdir -p "$1"
  make_package "$1" PACKAGE=luci-app-whp CACHE="$cache"
}

# make_package DIRECTORY WORD...
make_package() {
  nice -n 5 make -s -f Makefile -C openwrt-package package TOPDIR="$PWD/scripts/buildroot" OUT="$1" \
    "${@:2}" ${version:+VERSION="$version"} >"$1/log" 2>&1 || {
    tail -n 20 "$1/log" >&2
    return 1
  }
}

# pack DIRECTORY FILE: an .ipk as OpenWrt's ipkg-build makes it.
pack() {
  local work=$1 file=$2 parts=$1/parts size
  rm -rf "$parts"
  mkdir "$parts"
  : >"$work/conffiles"
  if [ -f "$work/control/conffiles" ]; then
    cp "$work/control/conffiles" "$work/conffiles"
    resolve_conffiles "$work"
  fi
  tarball "$work/data" . >"$parts/data.tar.gz"
  size=$(zcat "$parts/data.tar.gz" | wc -c)
  sed -i "s/^Installed-Size: .*/Installed-Size: $size/" "$work/control/control"
  tarball "$work/control" . >"$parts/control.tar.gz"
  echo 2.0 >"$parts/debian-binary"
  tarball "$parts" ./debian-binary ./data.tar.gz ./control.tar.gz >"$file"
}

# The files below the conffiles entries, as opkg wants them; entries without one go to keep.d.
resolve_conffiles() {
  local work=$1 entry
  : >"$work/resolved"
  while read -r entry; do
    if [ -f "$work/data$entry" ]; then
      echo "$entry" >>"$work/resolved"
    else
      mkdir -p "$work/data/lib/upgrade/keep.d"
      echo "$entry" >>"$work/data/lib/upgrade/keep.d/whp"
      (cd "$work/data" && find ".$entry" -type f | sed 's/^\.//') >>"$work/resolved"
    fi
  done <"$work/control/conffiles"
  LC_ALL=C sort -o "$work/control/conffiles" "$work/resolved"
}

tarball() { # DIRECTORY MEMBER...
  local directory=$1
  shift
  tar --format=gnu --numeric-owner --owner=0 --group=0 --sort=name --mtime="@$SOURCE_DATE_EPOCH" \
    -C "$directory" -cf - "$@" | gzip -9 -n
}

# start ARCH DIRECTORY: the package's own files under its processor's emulator, with the C library
# where OpenWrt has it: the version, the tests of the native part, and with --run the unit tests.
start() {
  local arch=$1 work=$2 root=$2/root triplet machine soft emulator tools said
  musl_target "$arch"
  need "${emulator%% *}=qemu-user"
  rm -rf "$root"
  cp -a "$work/data" "$root"
  cp -a "$work/library/." "$root/lib/"
  local host="$emulator -L $root $root/usr/lib/whp/whp-host"
  said=$($host "$root/usr/bin/whp" version 2>&1) || said="status $?: $said"
  if [ "$said" != "whp $(control_field "$work" Version | sed 's/-r.*//')" ]; then
    echo "package: $arch: whp version under ${emulator%% *}: $said" >&2
    return 1
  fi
  echo "whp version, $arch: 1 passed, 0 failed"
  # shellcheck disable=SC2086 # a command with its arguments
  node scripts/unit.mjs $host test/native/*.test.ts
  # One round of the loop; without floating point, and beside other work, it takes long.
  # shellcheck disable=SC2086
  ! $unit || WHP_WATCHDOG_SECONDS=3600 node scripts/unit.mjs $host
}

# What a router of this kind pays: the ipk as it is fetched, its large parts as squashfs packs them
# into an image, and what they take unpacked.
cost() {
  local arch=$1 work=$2 file=$3 name bytes
  printf '%-24s %9s %9s  %s\n' "$arch" bytes xz what
  for name in usr/lib/whp/whp-host usr/bin/whp; do
    printf '%-24s %9d %9d  /%s\n' '' "$(stat -c %s "$work/data/$name")" \
      "$(xz -9e -c "$work/data/$name" | wc -c)" "$name"
  done
  squash "$work" xz 256k
  printf '%-24s %9d %9s  in an image (squashfs, xz)\n' '' "$(stat -c %s "$work/image")" ''
  # JFFS2 packs each page by itself, with zlib: what an installation on a running router takes.
  squash "$work" gzip 4k
  printf '%-24s %9d %9s  on the overlay, about (zlib by 4 KiB)\n' '' "$(stat -c %s "$work/image")" ''
  bytes=$(stat -c %s "$file")
  printf '%-24s %9d %9s  %s\n' '' "$bytes" '' "${file#"$PWD"/}"
  [ "$bytes" -le $BUDGET ] && return 0
  echo "package: $file is over its budget of $BUDGET bytes" >&2
  return 1
}

squash() { # DIRECTORY COMPRESSION BLOCK
  rm -f "$1/image"
  mksquashfs "$1/data" "$1/image" -comp "$2" -b "$3" -no-xattrs -all-root -noappend -no-progress \
    -quiet >/dev/null
}

need gcc=gcc /usr/include/stdio.h=libc6-dev make=make xz=xz-utils mksquashfs=squashfs-tools \
  /usr/share/keyrings/debian-archive-keyring.gpg=debian-archive-keyring
[ -x node_modules/.bin/esbuild ] || npm ci --no-audit --no-fund >/dev/null
node scripts/bundle.mjs
node scripts/luci.mjs
exec 9>"$cache/package.lock"
flock 9
fetch_quickjs "$cache"
for arch in "${archs[@]}"; do
  work=$out/$arch
  build "$arch" "$work"
  full=${version:-$(control_field "$work" Version)}
  file=$out/whp_${full}_$arch.ipk
  pack "$work" "$file"
  [ -z "${APK:-}" ] || pack_apk "$APK" "$work" "$out/whp-${full}_$arch.apk"
  if $check; then
    rm -rf "$work.again"
    build "$arch" "$work.again"
    pack "$work.again" "$work.again.ipk"
    cmp "$file" "$work.again.ipk"
    if [ -n "${APK:-}" ]; then
      pack_apk "$APK" "$work.again" "$work.again.apk"
      cmp "$out/whp-${full}_$arch.apk" "$work.again.apk"
    fi
    rm -rf "$work.again" "$work.again.ipk" "$work.again.apk"
    echo "package: $arch: built twice, the same $(stat -c %s "$file") bytes"
  fi
  cost "$arch" "$work" "$file"
  [ -z "${APK:-}" ] || printf '%-24s %9d %9s  %s\n' '' "$(stat -c %s "$out/whp-${full}_$arch.apk")" '' \
    "out/package/whp-${full}_$arch.apk"
done
pages=$out/pages
build_pages "$pages"
full=${version:-$(control_field "$pages" Version)}
pack "$pages" "$out/luci-app-whp_${full}_all.ipk"
[ -z "${APK:-}" ] || pack_apk "$APK" "$pages" "$out/luci-app-whp-${full}_all.apk"
squash "$pages" gzip 4k
printf '%-24s %9d %9s  unpacked\n' luci-app-whp "$(find "$pages/data" -type f -exec cat {} + | wc -c)" ''
printf '%-24s %9d %9s  on the overlay, about (zlib by 4 KiB)\n' '' "$(stat -c %s "$pages/image")" ''
printf '%-24s %9d %9s  out/package/luci-app-whp_%s_all.ipk\n' '' \
  "$(stat -c %s "$out/luci-app-whp_${full}_all.ipk")" '' "$full"
# Others may build meanwhile.
flock -u 9
if $start; then
  for arch in "${archs[@]}"; do start "$arch" "$out/$arch"; done
fi
