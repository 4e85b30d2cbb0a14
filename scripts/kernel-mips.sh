#!/bin/sh
# The big-endian MIPS machine's kernel and busybox, made once from Debian's sources and cached in
# ${WHP_CACHE:-out/cache}/mips-LINE: no distribution has a big-endian MIPS port any more. Prints the
# directory. About ten minutes on two cores, then a second.
#
#   scripts/kernel-mips.sh [6.1|6.12]    the kernel's line, 6.1 unless told
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/usage.sh

help_asked "$@"
line=${1:-6.1}
case $line in
  6.1) package=linux-source-6.1 ;;
  6.12) package=linux-source-6.12/bookworm-backports ;;
  *) refuse "kernel '$line'; known: 6.1 and 6.12" ;;
esac

say() { echo "kernel-mips: $*" >&2; }
die() { say "$*"; exit 1; }

cache=${WHP_CACHE:-out/cache}
mkdir -p "$cache"
cache=$(realpath "$cache")

# What the agent's netlink code and the lab need beyond malta_defconfig; built in, so that the
# machine needs no module loading.
wanted='NETFILTER NETFILTER_ADVANCED NETFILTER_NETLINK NETFILTER_NETLINK_LOG
  NETFILTER_NETLINK_QUEUE NF_CONNTRACK NF_CONNTRACK_MARK NF_CONNTRACK_EVENTS NF_CONNTRACK_TIMEOUT
  NF_CONNTRACK_TIMESTAMP NF_CONNTRACK_ZONES NF_CT_NETLINK NF_NAT NF_TABLES NF_TABLES_INET
  NF_TABLES_NETDEV NF_TABLES_IPV4 NF_TABLES_IPV6 NFT_CT NFT_LOG NFT_LIMIT NFT_QUEUE NFT_NAT
  NFT_MASQ NFT_REDIR NFT_REJECT NFT_REJECT_INET NFT_HASH NFT_FIB NFT_FIB_IPV4 NFT_FIB_IPV6
  NFT_FIB_INET NF_FLOW_TABLE NFT_FLOW_OFFLOAD NF_LOG_SYSLOG IP_ADVANCED_ROUTER
  IP_MULTIPLE_TABLES IPV6 IPV6_MULTIPLE_TABLES NET_IPGRE_DEMUX NET_IPGRE NET_FOU NET_FOU_IP_TUNNELS
  BRIDGE VLAN_8021Q DUMMY VETH TUN NET_NS NAMESPACES WIREGUARD PCI VIRTIO_MENU VIRTIO_PCI
  VIRTIO_NET VIRTIO_BLK VIRTIO_CONSOLE HW_RANDOM HW_RANDOM_VIRTIO SQUASHFS SQUASHFS_LZ4 OVERLAY_FS
  EXT4_FS TMPFS DEVTMPFS BLK_DEV_INITRD SERIAL_8250 SERIAL_8250_CONSOLE CPU_BIG_ENDIAN'
# From 6.2 on it is part of nf_tables.
[ "$line" != 6.1 ] || wanted="$wanted NFT_OBJREF"
unwanted='CPU_LITTLE_ENDIAN MODULES WLAN USB_SUPPORT SOUND DRM FB VT INPUT_KEYBOARD INPUT_MOUSE
  SERIO ATA SCSI MD I2C HID MTD IDE NFS_FS NFSD XFS_FS JFS_FS REISERFS_FS BTRFS_FS QUOTA
  WERROR DEBUG_INFO IP_VS BT MAC80211 CFG80211'

recipe=$({ echo "$wanted" "$unwanted" 1; cat "$0"; } | sha256sum | cut -c 1-16)
done_directory=$cache/mips-$line
if [ "$(cat "$done_directory/recipe" 2>/dev/null)" = "$recipe" ]; then
  echo "$done_directory"
  exit 0
fi

missing=
for need in mips-linux-gnu-gcc:gcc-mips-linux-gnu gcc:gcc make:make flex:flex bison:bison bc:bc \
  xz:xz-utils bzip2:bzip2 perl:perl; do
  command -v "${need%%:*}" >/dev/null 2>&1 || missing="$missing ${need##*:}"
done
[ -e /usr/mips-linux-gnu/include/stdio.h ] || missing="$missing libc6-dev-mips-cross"
[ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
[ -e /usr/include/openssl/bio.h ] || missing="$missing libssl-dev"
if [ -n "$missing" ]; then
  [ "$(id -u)" = 0 ] || die "missing packages:$missing (as root: apt-get install$missing)"
  say "installing$missing"
  { apt-get -q update || true; DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y install --no-install-recommends $missing; } >&2 || die "apt-get install failed"
fi

exec 9>"$cache/mips.lock"
flock 9
[ "$(cat "$done_directory/recipe" 2>/dev/null)" = "$recipe" ] && { echo "$done_directory"; exit 0; }

say "fetching Debian's kernel and busybox sources"
deb=$(./scripts/lab.sh fetch amd64 $package | grep "/linux-source-${line}_")
busybox_archive=$(./scripts/lab.sh fetch-source busybox | grep '\.orig\.tar\.')
work=$cache/mips-work-$line
rm -rf "$work"
mkdir -p "$work/deb" "$work/linux" "$work/busybox" "$work/done"
dpkg-deb -x "$deb" "$work/deb"
say 'unpacking'
tar -xJf "$work/deb/usr/src/linux-source-$line.tar.xz" -C "$work/linux" --strip-components=1
tar -xjf "$busybox_archive" -C "$work/busybox" --strip-components=1
rm -rf "$work/deb"

jobs=$(nproc)
log=$work/build.log
# build WHAT DIRECTORY MAKE-ARGUMENTS...
build() {
  what=$1 directory=$2
  shift 2
  nice -n 10 make -C "$directory" -j "$jobs" "$@" >>"$log" 2>&1 || {
    grep -E 'error|Error' "$log" | tail -n 20 >&2
    die "building $what failed, see $log"
  }
}

say 'busybox'
build 'busybox configuration' "$work/busybox" ARCH=mips CROSS_COMPILE=mips-linux-gnu- defconfig
# tc of 1.35 does not compile with the headers of newer kernels.
sed -i -e 's/.*CONFIG_STATIC[ =].*/CONFIG_STATIC=y/' -e 's/.*CONFIG_TC[ =].*/# CONFIG_TC is not set/' \
  -e 's/.*CONFIG_FEATURE_PREFER_APPLETS[ =].*/# CONFIG_FEATURE_PREFER_APPLETS is not set/' \
  "$work/busybox/.config"
build 'busybox configuration' "$work/busybox" ARCH=mips CROSS_COMPILE=mips-linux-gnu- silentoldconfig
build busybox "$work/busybox" ARCH=mips CROSS_COMPILE=mips-linux-gnu- busybox
cp "$work/busybox/busybox" "$work/done/busybox"

say 'kernel (about eight minutes on two cores)'
cd "$work/linux"
build 'kernel configuration' . ARCH=mips CROSS_COMPILE=mips-linux-gnu- malta_defconfig
# Everything the defconfig has as a module would be built in without modules: off, then on again
# what is wanted.
sed -i 's/^\(CONFIG_[A-Z0-9_]*\)=m$/# \1 is not set/' .config
for name in $unwanted; do ./scripts/config --disable "$name"; done
for name in $wanted; do ./scripts/config --enable "$name"; done
build 'kernel configuration' . ARCH=mips CROSS_COMPILE=mips-linux-gnu- olddefconfig
for name in $wanted; do
  grep -q "^CONFIG_$name=y" .config || die "kernel option $name did not stay on"
done
build kernel . ARCH=mips CROSS_COMPILE=mips-linux-gnu- vmlinux
mips-linux-gnu-strip -o "$work/done/kernel" vmlinux
cp .config "$work/done/kernel.config"
cd "$cache"
echo "$recipe" >"$work/done/recipe"
rm -rf "$done_directory"
mv "$work/done" "$done_directory"
rm -rf "$work"
say "ready in $done_directory"
echo "$done_directory"
