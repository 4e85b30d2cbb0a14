#!/bin/sh
# Compares every constant of netlink/constants, netlink/nft-constants and the tests' own with the
# kernel headers: writes a C program that prints the header's value of each name, and runs it.
# constants.sh COMPILER [RUNNER]: `constants.sh mips-linux-gnu-gcc qemu-mips`. Prints differences.
set -eu
cd "$(dirname "$0")/../.."
compiler=$1
runner=${2:-}
files='agent/src/netlink/constants.ts agent/src/netlink/nft-constants.ts test/netlink/nft-constants.ts'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed -n 's/^export const \([A-Z0-9_a-z]*\) = \([0-9a-fx]*\);$/\1 \2/p' \
  $files | sort -u >"$work/ours"
declared=$(cat $files | grep '^export const' | sort -u | wc -l)
count=$(wc -l <"$work/ours")
[ "$count" -eq "$declared" ] || {
  echo "constants: $declared declared, $count understood" >&2
  exit 1
}
{
  cat <<'C'
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/if_link.h>
#include <linux/if_addr.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/if_tunnel.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nf_conntrack_common.h>
static int wrong;
static void check(const char *name, long long ours, long long header)
{
    if (ours == header)
        return;
    printf("%s is %lld here and %lld in the header\n", name, ours, header);
    wrong = 1;
}
int main(void)
{
C
  while read -r name value; do
    case $name in
      # The header's value is __be16.
      GRE_KEY | GRE_ROUTING) echo "    check(\"$name\", $value, ntohs($name));" ;;
      # The header's value is the negative int ~(...): it is used on 16 bits.
      NLA_TYPE_MASK) echo "    check(\"$name\", $value, $name & 0xffff);" ;;
      *) echo "    check(\"$name\", $value, $name);" ;;
    esac
  done <"$work/ours"
  echo '    return wrong;'
  echo '}'
} >"$work/constants.c"
"$compiler" -Wall -static -o "$work/constants" "$work/constants.c"
$runner "$work/constants"
echo "constants: $count agree ($compiler)"
