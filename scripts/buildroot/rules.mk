# What openwrt-package/Makefile needs of OpenWrt's rules.mk, and no more: a stand-in, so that
# scripts/package.sh makes the packages from the feed's own Makefile without a buildroot.
# Given: PACKAGE, OUT (where the parts go), CACHE (DL_DIR), and for a processor ENGINE (unpacked quickjs-ng), ARCH,
# CC, STRIP.

INCLUDE_DIR := $(TOPDIR)/include
DL_DIR := $(CACHE)
BUILD_DIR := $(OUT)/build
TAR := tar
CP := cp -fpR
INSTALL_DIR := install -d -m0755
INSTALL_BIN := install -m0755
INSTALL_DATA := install -m0644
INSTALL_CONF := install -m0600
TARGET_CC = $(CC)
# OpenWrt makes position-independent programs only of packages that ask for it (PKG_ASLR_PIE_REGULAR),
# which this one does not: on MIPS they are a seventh larger. Debian's compilers always make them.
TARGET_CFLAGS = -Os -pipe -fno-caller-saves -fno-plt -ffunction-sections -fdata-sections -fno-pie $(MIPS16)
# As OpenWrt compiles each package for processors that have these instructions, unless it says no-mips16.
MIPS16 = $(if $(filter mips_24kc mipsel_24kc,$(ARCH)),-mips16 -minterlink-mips16)
TARGET_LDFLAGS = -Wl,--gc-sections -Wl,--as-needed -no-pie
TARGET_CPPFLAGS =
PKG_JOBS = -j$(shell nproc)
space := $(subst ,, )
comma := ,
