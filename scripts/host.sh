#!/usr/bin/env bash
# Builds the program that runs the agent: out/host/ARCH/whp-host (quickjs-ng + agent/native).
# host.sh [x86_64|mipsel|mips|asan ...], default x86_64 mipsel mips. The MIPS builds are static, so
# they run in any root file system and under qemu-user; a dynamic twin is linked for its size.
# A build whose sources, flags and compiler are unchanged is left alone; another takes 20 s, asan 40 s, and the
# first one fetches and compiles the engine. Cache: WHP_CACHE.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/usage.sh
. scripts/lib/packages.sh
. scripts/lib/quickjs.sh

help_asked "$@"
for arch in "$@"; do
  case $arch in
    x86_64 | mipsel | mips | asan) ;;
    *) refuse "no build for '$arch'; known: x86_64 mipsel mips asan (for a router: package.sh)" ;;
  esac
done
mkdir -p "${WHP_CACHE:-out/cache}" out/host
cache=$(realpath "${WHP_CACHE:-out/cache}")
source_dir=$cache/quickjs-ng-$QUICKJS_VERSION
archs=("$@")
[ ${#archs[@]} -gt 0 ] || archs=(x86_64 mipsel mips)

engine=(quickjs libregexp libunicode dtoa)
# 64-bit file offsets: without them a 32-bit C library cannot read a directory with large inode numbers.
common=(-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DQUICKJS_NG_BUILD -std=gnu11)
small=(-Os -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables)
strict=(-Wall -Wextra -Werror -Wno-unused-parameter)
# loop.c contains quickjs-libc.c, which is not written for -Wextra.
lenient=(-Wno-sign-compare -Wno-missing-field-initializers -Wno-cast-function-type)

configure() { # ARCH: sets compiler, strip, flags, link, static, linkage, libraries
  flags=("${common[@]}" "${small[@]}")
  link=(-Os -Wl,--gc-sections -Wl,--as-needed)
  static=()
  linkage=dynamic
  libraries=(-lm)
  strip=strip
  case $1 in
    x86_64) compiler=gcc ;;
    asan)
      compiler=gcc
      flags=("${common[@]}" -O1 -g -fno-omit-frame-pointer -DWHP_CHECK_LEAKS
        -fsanitize=address,undefined -fno-sanitize-recover=undefined)
      link=(-fsanitize=address,undefined)
      ;;
    mips | mipsel)
      compiler=$1-linux-gnu-gcc
      strip=$1-linux-gnu-strip
      static=(-static)
      linkage=static
      libraries+=(-l:libatomic.a) # 64-bit atomics of 32-bit processors
      ;;
  esac
}

install_tools() {
  local arch tools=(gcc=gcc /usr/include/stdio.h=libc6-dev xz=xz-utils flock=util-linux)
  for arch in "${archs[@]}"; do
    case $arch in
      mips | mipsel)
        tools+=("$arch-linux-gnu-gcc=gcc-$arch-linux-gnu")
        tools+=("/usr/$arch-linux-gnu/lib/libc.a=libc6-dev-$arch-cross")
        ;;
    esac
  done
  need "${tools[@]}"
}

key() { # STRING...: of the strings and of the compiler, not of any file
  { "$compiler" --version | head -n 1 && echo "$QUICKJS_SHA256 $*"; } | sha256sum | cut -c 1-16
}

build_engine() { # ARCH: sets objects
  local unit
  objects=$cache/host-$1-$(key "${flags[@]}")
  mkdir -p "$objects"
  for unit in "${engine[@]}"; do
    [ -e "$objects/$unit.o" ] && continue
    [ "$unit" = quickjs ] && echo "host: $1: compiling quickjs-ng $QUICKJS_VERSION (10 to 40 s)"
    nice -n 5 "$compiler" "${flags[@]}" -I"$source_dir" -w -c "$source_dir/$unit.c" -o "$objects/$unit.tmp.$$"
    mv "$objects/$unit.tmp.$$" "$objects/$unit.o"
  done
}

build() { # ARCH
  local arch=$1 out=out/host/$1 want unit inputs
  configure "$arch"
  want=$(key "${flags[@]}" "${link[@]}" "$(cat agent/native/*.[ch] scripts/host.sh | sha256sum)")
  [ -e "$out/whp-host" ] && [ "$(cat "$out/key" 2>/dev/null)" = "$want" ] && return 0
  build_engine "$arch"
  echo "host: $arch: compiling agent/native"
  mkdir -p "$out"
  compile_own socket "${strict[@]}"
  compile_own text "${strict[@]}"
  compile_own message "${strict[@]}"
  compile_own system "${strict[@]}"
  compile_own host "${strict[@]}"
  compile_own bundle "${strict[@]}"
  compile_own ask "${strict[@]}"
  compile_own watch "${strict[@]}"
  compile_own loop "${strict[@]}" "${lenient[@]}"
  inputs=("$out/host.o" "$out/message.o" "$out/bundle.o" "$out/ask.o" "$out/watch.o" "$out/loop.o" "$out/socket.o"
    "$out/text.o" "$out/system.o")
  : >"$out/size"
  for unit in "${engine[@]}"; do inputs+=("$objects/$unit.o"); done
  case $arch in
    mips | mipsel)
      "$compiler" "${link[@]}" "${inputs[@]}" "${libraries[@]}" -o "$out/whp-host-dynamic"
      "$strip" "$out/whp-host-dynamic"
      measure "$arch" dynamic "$out/whp-host-dynamic" >>"$out/size"
      ;;
  esac
  "$compiler" "${link[@]}" "${static[@]}" "${inputs[@]}" "${libraries[@]}" -o "$out/whp-host.tmp"
  [ "$arch" = asan ] || "$strip" "$out/whp-host.tmp"
  mv "$out/whp-host.tmp" "$out/whp-host"
  measure "$arch" "$linkage" "$out/whp-host" >>"$out/size"
  echo "$want" >"$out/key"
}

compile_own() { # UNIT WARNING...
  local unit=$1
  shift
  "$compiler" "${flags[@]}" -I"$source_dir" "$@" -c "agent/native/$unit.c" -o "$out/$unit.o"
}

measure() { # ARCH LINKAGE FILE
  [ "$1" = asan ] && return 0 # never shipped
  printf '%-8s %-8s %10d %10d\n' "$1" "$2" "$(stat -c %s "$3")" "$(xz -9e -c "$3" | wc -c)"
}

install_tools
exec 9>"$cache/host.lock"
flock 9 # two builds at once would only wait for the same two cores
fetch_quickjs "$cache"
for arch in "${archs[@]}"; do build "$arch"; done
printf '%-8s %-8s %10s %10s\n' arch linked bytes xz
for arch in "${archs[@]}"; do cat "out/host/$arch/size"; done
