// Probe: tables loaded without nft (whp:nft): the agent's own, and one whose rules count packets of loopback by what is in
// the byte order of the machine (marks, lengths, states) and of the network (addresses, ports).
import { chains, load } from 'whp:nft';
import { SO_MARK, SOL_SOCKET, setsockopt } from 'whp:socket';
import { openDumps } from '../../agent/src/kernel/sliced-dump.ts';
import { tablesOver } from '../../agent/src/kernel/tables.ts';
import { hostInt } from '../../agent/src/netlink/endian.ts';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import { renderLoad, renderParts } from '../../agent/src/ruleset/render.ts';
import { reloadText } from '../../agent/src/ruleset/transaction.ts';
import { policyFrom } from '../fixtures/policies.ts';
import { claim, holds, Skip, same } from './claims.ts';
import { netfilter, TABLE } from './probe-socket.ts';
import { openUdp, sendUdp } from './udp.ts';

const PORT = 5405;
/** Bytes of the payload; 20 of the IPv4 header and 8 of that of UDP come before it. */
const PAYLOAD = 'four';
const LENGTH = 20 + 8 + PAYLOAD.length;

/** Counter: the condition under which it counts. */
const COUNTED: readonly [string, string][] = [
  ['mark', 'meta mark & 0x0f000000 == 0x03000000'],
  ['other_mark', 'meta mark & 0x0f000000 != 0x03000000'],
  [
    'written',
    'meta mark set meta mark & 0xf0ffffff | 0x05000000 ct mark set ct mark & 0xf0ffffff | 0x06000000 meta mark & 0x0f000000 == 0x05000000 ct mark & 0x0f000000 == 0x06000000',
  ],
  ['length', `meta length ${LENGTH}-${LENGTH}`],
  ['shorter', `meta length 1-${LENGTH - 1}`],
  ['longer', `meta length >= ${LENGTH + 1}`],
  ['state', 'ct state new,related'],
  ['other_state', 'ct state established'],
  ['interval', 'ip daddr @plain'],
  ['pair', 'ip daddr . meta l4proto . th dport @ranges'],
  ['port', `th dport ${PORT - 1}-${PORT + 1}`],
  ['list', `th dport { 53, ${PORT} } oifname { "lo", "none" } meta l4proto { tcp, udp }`],
  ['none', 'ip saddr 127.0.0.2'],
];
const RULES = String(COUNTED.length + 2);
const NAMES = [...COUNTED.map(([name]) => name), 'map'];
/** Those that count the packet. */
const HIT = ['interval', 'length', 'list', 'map', 'mark', 'pair', 'port', 'state', 'written'];

function countingText(): string {
  const rules = COUNTED.map(([name, condition]) => `${condition} counter name "${name}"`);
  return `table inet ${TABLE} {
${NAMES.map((name) => `  counter ${name} { }\n`).join('')}  set plain {
    type ipv4_addr
    flags interval
    elements = {
      127.0.0.0-127.0.0.1
    }
  }
  set ranges {
    type ipv4_addr . inet_proto . inet_service
    flags interval
    elements = {
      127.0.0.0-127.255.255.255 . udp . ${PORT - 5}-${PORT + 5}
    }
  }
  chain counting {
    counter name "map"
  }
  chain out {
    type filter hook output priority 0; policy accept;
    th dport != ${PORT} accept
    meta nfproto vmap { ipv4 : jump counting, ipv6 : return }
    ${rules.join('\n    ')}
  }
}
`;
}

/** Refuses to prove what this kernel has no part for. */
function loaded(text: string): void {
  const refusal = load(text);
  if (/ (queue|fib|flow) .*\(errno 2\)/.test(refusal)) throw new Skip(refusal);
  same(refusal, '');
}

export function proveLoad(): void {
  const dumps = openDumps();
  if (!dumps.ok) throw new Error('no socket');
  const tables = tablesOver(netfilter, dumps.value, '/tmp/whp-probe.nft');
  claim('table-loads-without-nft', () => {
    const [one, other] = [policyFrom({}), policyFrom({ app: { devices: ['192.168.1.10'] } })].map(
      (policy) => compile(policy),
    ) as [ReturnType<typeof compile>, ReturnType<typeof compile>];
    loaded(renderLoad(one));
    const names = [...tables.counters('whp').keys()].sort();
    same(names, [...one.counters].sort(), 'counters');
    const chains = tables.fingerprint();
    loaded(reloadText(renderParts(one), renderParts(other)));
    holds(tables.fingerprint() !== chains, 'the change has changed nothing');
    same(load('delete table inet whp\n'), '');
    same(tables.fingerprint(), '');
  });
  claim('a-refusal-names-its-line', () => {
    const text = `add table inet ${TABLE}\nadd rule inet ${TABLE} none accept\n`;
    holds(/^line 2: add rule .*: .* \(errno 2\)$/.test(load(text)), load(text));
    holds(!tables.has(TABLE), 'the table is there');
  });
  claim('loaded-rules-match', () => {
    loaded(countingText());
    const lines = chains(TABLE, true).split('\n');
    const [counting, out] = lines.map((line) => line.split(' '));
    // The rule and the jump; the rules of countingText.
    same([counting![0], counting![2], out![0], out![2]], ['counting', '2', 'out', RULES], 'chains');
    same([Number(out![1]) > Number(counting![1]), lines.length], [true, 3], 'handles, lines');
    const others = chains('whp', false).split('\n');
    holds(others.includes(`${TABLE} ${lines[0]}`), 'they are among those of other tables');
    holds(!chains(TABLE, false).includes(`${TABLE} `), 'they are not beside their own table');
    const sender = openUdp(0);
    same(setsockopt(sender, SOL_SOCKET, SO_MARK, hostInt(0x03000000)), 0, 'mark');
    sendUdp(sender, PORT, PAYLOAD);
    const counted = [...tables.counters(TABLE)].filter(([, { packets }]) => packets === 1);
    same(counted.map(([name]) => name).sort(), HIT);
    same(load(`delete table inet ${TABLE}\n`), '');
  });
}
