# Makes the C compiler that OpenWrt's packages are compiled with here: Debian's cross compiler with
# musl for OpenWrt's processor names; sourced. musl is built from Debian's source package. The MIPS
# processors have no floating point, for which no distribution has a library: the arithmetic that the
# compiler then calls for is compiled from gcc's own source package.

MUSL_VERSION=1.2.3
# What gcc calls for doubles and floats when the processor has none; integers of 64 bits come from
# the ordinary libgcc, whose code for them has no floating point in it.
SOFT_FLOAT='adddf3 addsf3 subdf3 subsf3 muldf3 mulsf3 divdf3 divsf3 negdf2 negsf2 eqdf2 eqsf2 gedf2
  gesf2 ledf2 lesf2 unorddf2 unordsf2 extendsfdf2 truncdfsf2 fixdfsi fixsfsi fixdfdi fixsfdi
  fixunsdfsi fixunssfsi fixunsdfdi fixunssfdi floatsidf floatsisf floatdidf floatdisf floatunsidf
  floatunsisf floatundidf floatundisf'
INTEGER='_divdi3 _moddi3 _divmoddi4 _udivdi3 _umoddi3 _udivmoddi4 _muldi3 _ashldi3 _ashrdi3 _lshrdi3
  _clz _clzsi2 _clzdi2 _ctzsi2 _ctzdi2 _popcountsi2 _popcountdi2 _popcount_tab _bswapsi2 _bswapdi2
  _ffssi2 _ffsdi2 _cmpdi2 _ucmpdi2 _negdi2'

# As OpenWrt names its packages.
PROCESSORS='aarch64_cortex-a53 arm_cortex-a7_neon-vfpv4 mipsel_24kc mips_24kc x86_64'

# musl_target ARCH: sets triplet, machine (compiler flags of OpenWrt's target), soft (the processor
# has no floating point), emulator (qemu-user's, as this processor) and tools (packages).
musl_target() {
  soft=false
  case $1 in
    aarch64_cortex-a53)
      # Debian's compiler calls its libgcc for atomics, which asks glibc what the processor can.
      triplet=aarch64-linux-gnu machine='-mcpu=cortex-a53 -mno-outline-atomics'
      emulator='qemu-aarch64 -cpu cortex-a53' tools='libc6-dev-arm64-cross'
      ;;
    arm_cortex-a7_neon-vfpv4)
      # Debian's compiler makes Thumb code unless told.
      triplet=arm-linux-gnueabihf machine='-mcpu=cortex-a7 -mfpu=neon-vfpv4 -mfloat-abi=hard -marm'
      emulator='qemu-arm -cpu cortex-a7' tools='libc6-dev-armhf-cross'
      ;;
    mips_24kc | mipsel_24kc)
      # The emulated 24Kc ends a program at its first instruction of floating point.
      triplet=${1%_24kc}-linux-gnu machine='-march=24kc -msoft-float' soft=true
      emulator="qemu-${1%_24kc} -cpu 24Kc" tools="libc6-dev-${1%_24kc}-cross"
      ;;
    x86_64)
      triplet=x86_64-linux-gnu machine='' tools=''
      emulator='qemu-x86_64 -cpu qemu64'
      ;;
    *)
      echo "musl: unknown processor '$1' ($PROCESSORS)" >&2
      return 2
      ;;
  esac
  if [ -z "$tools" ]; then
    tools=x86_64-linux-gnu-gcc=gcc
  else
    tools="$triplet-gcc=gcc-$triplet /usr/$triplet/lib/libc.a=$tools"
  fi
}

# musl_compiler CACHE ARCH: sets musl_root; the compiler is $musl_root/cc, libc.so is in its lib/.
musl_compiler() {
  local cache=$1 arch=$2 triplet machine soft emulator tools key work
  musl_target "$arch" || return
  # shellcheck disable=SC2086 # lists of words
  need $tools make=make
  # The specs name the folder: one that was moved or copied is built anew.
  key=$({ echo "$cache" && "$triplet-gcc" --version | head -n 1 && grep -v "^ *#" scripts/lib/musl.sh; } |
    sha256sum | cut -c 1-16)
  musl_root=$cache/musl-$arch-$key
  [ -e "$musl_root/cc" ] && return 0
  echo "musl: building the C library for $arch (a minute)"
  work=$(mktemp -d "$cache/musl.XXXXXX")
  ( # a failure ends the script: see $work/log
    set -e
    mkdir "$work/musl"
    tar -xzf "$(musl_source)" -C "$work/musl" --strip-components=1
    ! $soft || soft_library "$cache" "$work/soft"
    cd "$work/musl"
    LIBCC=$(! $soft || echo "$work/soft/libgcc.a") CC="$triplet-gcc $machine" \
      CFLAGS='-Os' ./configure --target="$triplet" --prefix="$work/done" --syslibdir="$work/done/ld" \
      --disable-gcc-wrapper >"$work/log"
    nice -n 5 make -j "$(nproc)" >>"$work/log" 2>&1
    make install >>"$work/log" 2>&1
    kernel_headers "$work/done/include"
    musl_specs "$work" "$musl_root"
  )
  mv "$work/done" "$musl_root"
  rm -rf "$work"
}

# kernel_headers DIRECTORY: the kernel's own, which OpenWrt's compiler has beside musl's.
kernel_headers() {
  local from=/usr/$triplet/include
  [ -d "$from/linux" ] || from=/usr/include
  cp -r "$from/linux" "$from/asm-generic" "$1/"
  if [ -d "$from/asm" ]; then cp -rL "$from/asm" "$1/"; else cp -rL "$from/$triplet/asm" "$1/"; fi
}

musl_source() {
  ./scripts/lab.sh fetch-source musl | grep '\.orig\.tar\.gz$'
}

# soft_library CACHE DIRECTORY: libgcc.a without a processor's floating point.
soft_library() {
  local cache=$1 out=$2 name deb
  mkdir -p "$out/source" "$out/objects"
  deb=$(./scripts/lab.sh fetch amd64 gcc-12-source | grep /gcc-12-source_)
  dpkg-deb --fsys-tarfile "$deb" | tar -x --wildcards -O '*/gcc-12.*.tar.xz' |
    tar -xJ -C "$out/source" --wildcards '*/libgcc/soft-fp/*' '*/libgcc/config/mips/sfp-machine.h' \
      '*/include/longlong.h' --strip-components=1
  for name in $SOFT_FLOAT; do
    # shellcheck disable=SC2086
    "$triplet-gcc" $machine -Os -fPIC -fvisibility=hidden -w -I"$out/source/libgcc/config/mips" \
      -I"$out/source/libgcc/soft-fp" -I"$out/source/include" \
      -c "$out/source/libgcc/soft-fp/$name.c" -o "$out/objects/$name.o"
  done
  # Only musl's complex functions call these, which nothing here does: no care for infinities.
  for name in s:float d:double; do
    printf '%s _Complex __mul%sc3(%s a, %s b, %s c, %s d) { return __builtin_complex(a * c - b * d, a * d + b * c); }\n' \
      "${name#*:}" "${name%:*}" "${name#*:}" "${name#*:}" "${name#*:}" "${name#*:}"
  done >"$out/complex.c"
  # shellcheck disable=SC2086
  "$triplet-gcc" $machine -Os -fPIC -fvisibility=hidden -c "$out/complex.c" -o "$out/objects/complex.o"
  (
    cd "$out/objects"
    for name in $INTEGER; do
      "$triplet-ar" x "$("$triplet-gcc" -print-libgcc-file-name)" "$name.o" 2>/dev/null || continue
      # These say "compiled for hardware floating point", which they do not use.
      "$triplet-objcopy" -R .MIPS.abiflags -R .gnu.attributes "$name.o"
    done
    "$triplet-ar" rcsD ../libgcc.a ./*.o
  )
}

# musl_specs WORK ROOT: the compiler as one command, for when the tree is moved to ROOT.
musl_specs() {
  local work=$1 root=$2 loader
  loader=/lib/ld-musl-$(sed -n 's/^ARCH = //p' "$work/musl/config.mak")
  loader=$loader$(sed -n 's/^SUBARCH = //p' "$work/musl/config.mak").so.1
  echo "$loader" >"$work/done/loader"
  sh "$work/musl/tools/musl-gcc.specs.sh" "$root/include" "$root/lib" "$loader" >"$work/done/specs"
  if $soft; then
    cp "$work/soft/libgcc.a" "$work/done/lib/libgcc-soft.a"
    # No crtbegin and crtend: they say hardware floating point, and only C++ has a use for them.
    sed -i -e "s|^libgcc\.a%s.*|$root/lib/libgcc-soft.a|" -e 's|crtbegin[A-Za-z]*\.o%s||g' \
      -e 's|crtend[A-Za-z]*\.o%s||g' "$work/done/specs"
  fi
  cat >"$work/done/cc" <<EOC
#!/bin/sh
exec $triplet-gcc "\$@" $machine -specs "$root/specs"
EOC
  chmod +x "$work/done/cc"
}
