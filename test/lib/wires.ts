// Two namespaces with veth pairs between them: a router and the far ends of its wires.
import { spawnSync } from 'node:child_process';

/** Returns what the command prints. Throws with its error output when its status is not 0. */
export function run(command: string, words: readonly string[]): string {
  const done = spawnSync(command, words, { encoding: 'utf8' });
  if (done.status === 0) return done.stdout;
  throw new Error(`${command} ${words.join(' ')}: ${done.stderr || done.error}`);
}

/** Creates the pairs [far end, device of the router], gives br-lan and wan their addresses, then runs the
 * lines `more` with `ip` in the router's namespace. The devices have no ARP. */
export function layWires(
  home: string,
  far: string,
  wires: readonly (readonly [far: string, near: string])[],
  more: readonly string[] = [],
): void {
  const script = [
    'link set lo up',
    ...wires.flatMap(([there, here]) => [
      `link add ${here} type veth peer name ${there} netns ${far}`,
      `link set ${here} address 02:00:00:00:00:01 arp off addrgenmode none`,
      `link set ${here} up`,
    ]),
    'addr add 192.168.1.1/24 brd + dev br-lan',
    'addr add 203.0.113.2/24 dev wan',
    'route add default dev wan',
    ...more,
  ];
  for (const line of script) run('ip', ['-n', home, ...line.split(' ')]);
  for (const [there] of wires) run('ip', ['-n', far, 'link', 'set', there, 'up']);
}
