#!/bin/sh
# First process of a lab machine (initramfs): loads the disk drivers, stacks the root file system
# (packages below, the project's files over them, memory on top) and hands over to it.
fail() { echo "lab init: $*"; exec sh; }
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
# Malta: no firmware has told the interrupt controller that PCI lines 10 and 11 are level-triggered
# (port 0x4d1). As edges, an interrupt raised while another device holds the line is lost for ever.
grep -q malta /proc/cpuinfo && printf '\014' | dd of=/dev/port bs=1 seek=1233 2>/dev/null
for module in $(cat /modules); do insmod "/m/$module" || fail "insmod $module"; done
size=$(sed -n 's/.*lab\.upper=\([^ ]*\).*/\1/p' /proc/cmdline)
mount -t squashfs -o ro /dev/vda /base || fail "no packages on /dev/vda"
mount -t squashfs -o ro /dev/vdb /project || fail "no project files on /dev/vdb"
mount -t tmpfs -o "size=${size:-16m}" tmpfs /memory
mkdir /memory/upper /memory/work
mount -t overlay -o lowerdir=/project:/base,upperdir=/memory/upper,workdir=/memory/work lab /root ||
  fail "no overlay"
mount -o move /dev /root/dev
umount /proc /sys
exec switch_root /root /sbin/init
