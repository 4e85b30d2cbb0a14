#!/usr/bin/env bash
# All tests, fastest first: one line per suite, the whole output of a suite that fails, and as the
# last line "N passed, N failed". A suite may run beside those after it; the lines keep the order.
#
#   scripts/test.sh            20 to 30 minutes on two cores
#   scripts/test.sh --full     the suites that take long too, about an hour: the big-endian machine, golden
#                              tables and captures on the router, kernel 6.12, the packages of five
#                              processors under their emulators
#
# Runs from any directory on a bare Debian 12 with Node 20, and installs what is missing as root: the
# first run fetches packages and compiles the engine and a C library, and --full two kernels.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/usage.sh
. scripts/lib/node.sh
. scripts/lib/packages.sh
. scripts/lib/suites.sh

help_asked "$@"
FULL=0
for word in "$@"; do
  case $word in
    --full) FULL=1 ;;
    *) refuse "unknown word $word" ;;
  esac
done
export FULL
need_node

install_modules() {
  [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund
}

install_packages() {
  need qemu-mips=qemu-user git=git xz=xz-utils nft=nftables ip=iproute2 conntrack=conntrack \
    unshare=util-linux sysctl=procps /etc/protocols=netbase /usr/bin/chromium=chromium
}

host=out/host/x86_64/whp-host
mips="qemu-mips out/host/mips/whp-host"
asan=out/host/asan/whp-host

prepare 'packages' install_packages
prepare 'node modules' install_modules
node scripts/figures.mjs --age
suite 'types' npx tsc --noEmit
suite 'format and lint' npx biome check .
prepare 'host x86_64' scripts/host.sh x86_64
prepare 'host mipsel' scripts/host.sh mipsel
prepare 'host mips' scripts/host.sh mips
prepare 'host asan' scripts/host.sh asan
suite 'bundle' node scripts/bundle.mjs
suite 'pages of LuCI' node scripts/luci.mjs
suite 'unit, node' node scripts/unit.mjs node
suite 'unit, host' node scripts/unit.mjs $host
suite 'unit, long' node scripts/unit.mjs --long $host
beside 'unit, host mips' node scripts/unit.mjs $mips
suite 'runtime, fake kernel' node scripts/unit.mjs $host test/runtime/*.test.ts
suite 'soak, host of 32 MB' env WHP_MEMORY_MB=32 node scripts/unit.mjs $host test/soak/*.test.ts
suite 'must fail' scripts/must-fail.sh node $host "$mips"
suite 'native, asan' node scripts/unit.mjs $asan test/native/*.test.ts
suite 'native, mips' node scripts/unit.mjs $mips test/native/*.test.ts
suite 'node' node scripts/node.mjs test/node
suite 'fuzz' scripts/fuzz.sh --inputs 400000 --seconds 8 --seed 1
suite 'golden' node scripts/node.mjs test/golden
suite 'captures' node scripts/node.mjs test/captures
# It measures times: nothing runs beside it.
join
suite 'netns' node scripts/node.mjs --beside test/netns/matrix.test.ts test/netns
suite 'luci' node scripts/node.mjs test/luci
suite 'package, mips_24kc' scripts/package.sh --start mips_24kc
suite 'lab, netlink' scripts/lab.sh probe test/netlink/be-probe.ts --router mipsel -- --strict
suite 'lab, feeds' scripts/lab.sh probe test/netlink/glance-program.ts --router mipsel
suite 'lab, sessions' scripts/lab.sh --sessions 1
if [ $FULL = 1 ]; then
  suite 'runtime, host mips' node scripts/unit.mjs $mips test/runtime/*.test.ts
  suite 'lab, big-endian' scripts/lab.sh big-endian
  suite 'lab, golden' scripts/lab.sh golden
  suite 'lab, replay' scripts/lab.sh replay
  # On the kernel line of OpenWrt 25.12.
  suite 'lab 6.12, netlink' scripts/lab.sh probe test/netlink/be-probe.ts --router mipsel --kernel 6.12 -- --strict
  suite 'lab 6.12, big-endian' scripts/lab.sh big-endian --kernel 6.12
  suite 'lab 6.12, sessions' scripts/lab.sh --sessions 1 --kernel 6.12
  # Each processor's package under its emulator.
  suite 'packages' scripts/package.sh --run aarch64_cortex-a53 arm_cortex-a7_neon-vfpv4 mipsel_24kc \
    mips_24kc x86_64
fi

end_suites
