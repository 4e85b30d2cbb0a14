#!/usr/bin/env bash
# Builds the program that runs the agent: out/host/ARCH/whp-host (quickjs-ng + agent/native).
# host.sh [x86_64|mipsel|mips|asan ...], default x86_64 mipsel mips. The MIPS builds have the package's C library,
# instructions and flags, without its shared libraries: they run in any root file system and under qemu-user.
# A build whose sources, flags and compiler are unchanged is left alone; another takes 20 s, asan 40 s, and the
# first one fetches and compiles the engine, and for MIPS the C library. Cache: WHP_CACHE.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/usage.sh
. scripts/lib/packages.sh
. scripts/lib/quickjs.sh
. scripts/lib/musl.sh

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

engine=(quickjs libregexp dtoa)
own=(args ask asked bundle chains elements feed-module feeds generation glance host judge lesson message nft nft-batch nft-bytes
  nft-elements nft-expression nft-match nft-rule nft-send nft-set nft-text nft-update nft-userdata nft-value probe
  questions socket system text watch)
# 64-bit file offsets: without them a 32-bit C library cannot read a directory with large inode numbers.
common=(-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DQUICKJS_NG_BUILD -std=gnu11)
# As upstream releases the engine: without its assertions and dumps, a tenth of the program. asan has them.
released=(-DNDEBUG)
small=("${released[@]}" -Os -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables)
strict=(-Wall -Wextra -Werror -Wno-unused-parameter)
# loop.c contains quickjs-libc.c, which is not written for -Wextra.
lenient=(-Wno-sign-compare -Wno-missing-field-initializers -Wno-cast-function-type)

configure() { # ARCH: sets compiler, strip, flags, link
  flags=("${common[@]}" "${small[@]}")
  link=(-Os -Wl,--gc-sections -Wl,--as-needed)
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
      musl_compiler "$cache" "$1_24kc"
      compiler=$musl_root/cc
      strip=$1-linux-gnu-strip
      # shellcheck disable=SC2207 # words
      flags=("${common[@]}" "${released[@]}" -D__STDC_NO_ATOMICS__=1 $(target_flags "$1_24kc"))
      link+=(-static -no-pie)
      ;;
  esac
}

target_flags() { # ARCH: the package's
  make -s -f - ARCH="$1" TOPDIR="$PWD/scripts/buildroot" <<'END'
include $(TOPDIR)/rules.mk
flags: ; @echo $(TARGET_CFLAGS)
END
}

key() { # STRING...: of the strings and of the compiler, not of any file
  { "$compiler" --version | head -n 1 && echo "$compiler $QUICKJS_SHA256 $*"; } | sha256sum | cut -c 1-16
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
  for unit in "${own[@]}"; do compile_own "$unit" "${strict[@]}"; done
  compile_own loop "${strict[@]}" "${lenient[@]}"
  compile_own unicode -w # it contains the engine's libunicode.c
  inputs=()
  for unit in "${own[@]}" loop unicode; do inputs+=("$out/$unit.o"); done
  for unit in "${engine[@]}"; do inputs+=("$objects/$unit.o"); done
  "$compiler" "${link[@]}" "${inputs[@]}" -lm -o "$out/whp-host.tmp"
  [ "$arch" = asan ] || "$strip" "$out/whp-host.tmp"
  mv "$out/whp-host.tmp" "$out/whp-host"
  echo "$want" >"$out/key"
}

compile_own() { # UNIT WARNING...
  local unit=$1
  shift
  "$compiler" "${flags[@]}" -I"$source_dir" "$@" -c "agent/native/$unit.c" -o "$out/$unit.o"
}

need gcc=gcc /usr/include/stdio.h=libc6-dev flock=util-linux
exec 9>"$cache/host.lock"
flock 9 # two builds at once would only wait for the same two cores
fetch_quickjs "$cache"
for arch in "${archs[@]}"; do build "$arch"; done
