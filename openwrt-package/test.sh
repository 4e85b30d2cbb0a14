#!/bin/sh
# Run by the feed's CI in a container of the target's kind, under QEMU and without a kernel of its
# own, after the package has been installed: test.sh NAME VERSION.
case "$1" in
	whp)
		whp version | grep -F "$2" || exit 1
		whp check || exit 1
		whp profile list | grep -w skype || exit 1
		sh /usr/libexec/rpcd/whp list | grep -F status || exit 1
		;;
esac
