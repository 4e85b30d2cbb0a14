// What a package leaves on a router: everything it could have made, listed before and after.
import type { Machine } from '../machine/machine.ts';

/** One line a thing: file, process, link, rule, route, table, configuration section. */
export async function snapshot(router: Machine): Promise<readonly string[]> {
  const text = await router.must(
    `{
      find / -xdev \\( -path /proc -o -path /sys -o -path /dev \\) -prune -o -print
      find /tmp /run /var/run /var/lock -xdev
    } 2>/dev/null | grep -v -e '^/tmp/[.]control' -e '^/tmp/log' -e '^/root/' -e dnsmasq -e '^/var/lock/' -e '^/run/lock/' | sed 's/^/file /'
    for p in /proc/[0-9]*; do
      [ -r $p/cmdline ] && c=$(tr '\\0' ' ' <$p/cmdline) && case $c in *whp*) echo "process $c" ;; esac
    done | grep -v 'lab/control'
    ip -o link | sed 's/^[0-9]*: \\([^:@]*\\).*/link \\1/'
    for f in -4 -6; do
      ip $f rule | sed "s/^/rule $f /"
      ip $f route show table all | sed "s/ expires [0-9]*sec//; s/^/route $f /"
    done
    nft list tables | sed 's/^/table /'
    nft list chain inet fw4 forward | sed 's/^/fw4 /'
    grep . /etc/config/firewall | sed 's/^/firewall /'
    :`,
    { timeout: 60_000 },
  );
  return text.split('\n').filter((line) => line !== '');
}

/** What came or went between two snapshots, but for the files `allowed`; null when nothing did. */
export function difference(
  before: readonly string[],
  after: readonly string[],
  allowed: readonly string[],
): string | null {
  const kept = new Set([...before, ...allowed.map((path) => `file ${path}`)]);
  const now = new Set(after);
  const left = [...now].filter((line) => !kept.has(line)).map((line) => `left: ${line}`);
  const gone = before.filter((line) => !now.has(line)).map((line) => `gone: ${line}`);
  const all = [...left, ...gone];
  return all.length === 0 ? null : `! ${all.join('\n  ')}`;
}
