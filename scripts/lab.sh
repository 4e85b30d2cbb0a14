#!/bin/sh
# The lab: two emulated machines (a home router and the world around it), started and judged from
# here. Installs what it needs, builds the hosts and the bundle, then runs the driver in test/lab.
#
#   scripts/lab.sh [--sessions N] [--seed N]       play sessions, print the verdict. --sessions 1: 2 min;
#                  [--compare [--keep]] [--flows]  --sessions 20 --compare: 13 min
#                  [--mode hold|watch|nftset] [--no-adversary]
#   scripts/lab.sh boot  [--router mipsel|x86_64]  start both machines, check the wires, stop. Under 1 min
#   scripts/lab.sh speed [--router mipsel|x86_64]  forwarding speed, direct and through GRE
#   scripts/lab.sh shell [--router mipsel|x86_64]  run lines "router COMMAND" / "world COMMAND"
#   scripts/lab.sh probe FILE.ts [-- ARGUMENTS]    run a program on the big-endian MIPS machine
#                        [--router mipsel|x86_64]  or on the router. Half a minute and the program's time
#   scripts/lab.sh big-endian                      netlink's claims and its unit tests on that machine. The
#                                                  first run builds its kernel: 10 min
#   scripts/lab.sh package [--router mipsel|x86_64]  the package: installed, upgraded, removed, played. 3 min
#   scripts/lab.sh walkthrough [--router ...]      docs/install.md, typed line by line, and a call
#   scripts/lab.sh golden [--all]                  every golden table with held answers, on the router
#   scripts/lab.sh faults [NAME...]                one session a fault: what breaks, what is seen. 20 to 180 s
#                                                  each (docs/lab.md), twice that on mipsel
#   scripts/lab.sh soak [--sessions N]             six hours or more in 10 to 12 min: leaks, misses, memory
#   scripts/lab.sh replay [FILE.pcap...]           captures through the router, beside whp replay
#   scripts/lab.sh prepare                         make the machines' images, boot nothing
#
# Minutes are those of two cores without KVM, with images and hosts made: the first run fetches packages and makes
# them, some minutes more. Where none are said, none were measured.
#
# --router mipsel|x86_64 (default mipsel) and --out DIRECTORY go with each, where no other default
# is said. --kernel 6.1|6.12 (default 6.1) is the line of the router's and the big-endian machine's
# kernel. OpenWrt 25.12 has 6.12; Debian has no kernel of the line of OpenWrt 24.10, 6.6.
#
# WHP_CPU is the MIPS processor to emulate: 34Kf (default) or 24Kf (fewer TLB entries, slower).
# WHP_CACHE holds what is fetched and made once (default out/cache), WHP_MIRROR names a Debian mirror
# (default: the one of this machine's apt). No root is needed once the
# packages below are installed; nothing leaves the two machines.
set -eu
cd "$(dirname "$0")/.."

say() { echo "lab: $*" >&2; }
die() { say "$*"; exit 1; }
. scripts/lib/mirror.sh
. scripts/lib/usage.sh
. scripts/lib/node.sh

# What is asked for, before anything is installed, built or booted.
help_asked "$@"
driver=test/lab/main.ts
build=true
# The router that a probe runs on: the big-endian one, whose kernel is built here, unless told.
router=mips
command=${1:-}
case $command in
  '' | -*) command= ;;
  boot | speed | shell) driver=test/lab/machine/main.ts ;;
  probe)
    driver=test/lab/machine/main.ts build=false probe=${2:-}
    [ -f "$probe" ] || refuse "probe '$probe': no such file"
    ;;
  walkthrough) driver=test/lab/package/walkthrough.ts ;;
  golden | package | replay | faults | soak) driver=test/lab/$command/main.ts ;;
  big-endian) driver=test/lab/big-endian/main.ts build=false ;;
  prepare | fetch | fetch-source) driver=test/lab/machine/main.ts build=false ;;
  *)
    refuse "no command '$command'; known: big-endian boot faults golden package prepare probe" \
      'replay shell soak speed walkthrough, and without one sessions are played'
    ;;
esac
# The drivers check each option; these two decide what is built for them.
before=
for word in "$@"; do
  case "$before $word" in
    *' --') break ;;
    '--router '* | *' --router='*) router=${word#*=} ;;
    '--kernel '* | *' --kernel='*) WHP_KERNEL=${word#*=} ;;
  esac
  before=$word
done
export WHP_KERNEL="${WHP_KERNEL:-6.1}"

need_node
mkdir -p out
# One lab at a time builds; the others wait and find it done.
exec 9>out/.lab-build.lock
if [ ! -x node_modules/.bin/esbuild ]; then
  flock 9
  say 'npm ci'
  npm ci --no-audit --no-fund >&2 || die 'npm ci failed'
fi
bundle=out/lab-driver/$$/main.mjs
trap 'rm -rf "out/lab-driver/$$"' EXIT
node_modules/.bin/esbuild "$driver" --bundle --platform=node --format=esm --target=node20 \
  --external:esbuild --outfile="$bundle" --log-level=warning || die "esbuild $driver failed"
WHP_LAB_CHECK=1 node --enable-source-maps "$bundle" "$@" || exit

# program:package, for what the driver and the builds call.
needs='qemu-system-mipsel:qemu-system-mips qemu-system-x86_64:qemu-system-x86
  mksquashfs:squashfs-tools setpriv:util-linux dpkg-deb:dpkg flock:util-linux xz:xz-utils'
missing=
for need in $needs; do
  command -v "${need%%:*}" >/dev/null 2>&1 || missing="$missing ${need##*:}"
done
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing="$missing debian-archive-keyring"
if [ -n "$missing" ]; then
  [ "$(id -u)" = 0 ] || die "missing packages:$missing (as root: apt-get install$missing)"
  say "installing$missing"
  log=$(mktemp)
  # One source that fails is no reason not to install from the others.
  { apt-get -q update || true; DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y install --no-install-recommends $missing; } >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    die "apt-get install$missing failed"
  }
  rm -f "$log"
fi
# A fetch takes no lock: the build that holds it fetches its sources by this script.
case $command in fetch*) ;; *) flock 9 ;; esac
if $build && [ -x scripts/host.sh ]; then
  ./scripts/host.sh x86_64 mipsel >&2 || die 'scripts/host.sh failed'
fi
if $build && [ -e scripts/bundle.mjs ]; then
  node scripts/bundle.mjs >&2 || die 'scripts/bundle.mjs failed'
fi
case $command in
  probe | big-endian) ./scripts/host.sh $router >&2 || die 'scripts/host.sh failed' ;;
esac
if [ "$command" = probe ]; then
  node_modules/.bin/esbuild "$probe" --bundle --platform=neutral --format=esm --alias:buffer=./agent/src/wire/message-bytes.ts --target=es2022 \
    '--external:qjs:*' '--external:whp:*' --main-fields=module,main --log-level=warning \
    --outfile="out/lab-driver/$$/probe.mjs" || die "esbuild $probe failed"
  shift 2
  set -- probe "out/lab-driver/$$/probe.mjs" "$@"
fi
flock -u 9
exec 9>&-
# It has a lock of its own.
case "$command $router" in
  'probe mips' | 'big-endian mips') ./scripts/kernel-mips.sh "$WHP_KERNEL" >&2 || die 'scripts/kernel-mips.sh failed' ;;
esac

# Only where something has to be fetched is it an error that none is known.
WHP_MIRROR=$(debian_mirror 2>/dev/null) || :
export WHP_MIRROR
# What is measured is the router, not what else this host does: where root may say so it goes first.
renice -n -15 -p $$ >/dev/null 2>&1 || :
# The driver stops the machines on a signal; the shell only passes it on and waits.
exec 3<&0
node --enable-source-maps --max-old-space-size=8192 "$bundle" "$@" <&3 3<&- &
driver_process=$!
trap 'kill -TERM "$driver_process" 2>/dev/null' INT TERM HUP
status=0
wait "$driver_process" || status=$?
wait "$driver_process" 2>/dev/null || :
exit "$status"
