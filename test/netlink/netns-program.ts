// Runs in the host in a fresh network namespace: makes changes with the agent's netlink code, reads each back
// with nft, ip and conntrack, and provokes overruns. One line a claim.
import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { watchGeneration } from '../../agent/src/kernel/generation.ts';
import { raiseGuard } from '../../agent/src/kernel/guard.ts';
import { closeNetlink, receive } from '../../agent/src/kernel/netlink-socket.ts';
import { putAddressAdd, putAddressDelete } from '../../agent/src/netlink/address.ts';
import { readConnection } from '../../agent/src/netlink/conntrack.ts';
import { putConntrackDelete, putConntrackDump } from '../../agent/src/netlink/conntrack-request.ts';
import {
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_LINK,
} from '../../agent/src/netlink/constants.ts';
import { putLinkDelete } from '../../agent/src/netlink/link.ts';
import { putNeighbourDump, readNeighbour } from '../../agent/src/netlink/neighbour.ts';
import {
  createLoggedPacket,
  LOGGED_PACKET,
  putLogBind,
  readLoggedPacket,
} from '../../agent/src/netlink/nflog.ts';
import type { SetChange, SetElement } from '../../agent/src/netlink/nft-set.ts';
import { putRouteDelete, putRouteReplace } from '../../agent/src/netlink/route.ts';
import { readRouteEvent } from '../../agent/src/netlink/rt-event.ts';
import { putRuleAdd, putRuleDelete } from '../../agent/src/netlink/rule.ts';
import { errorText } from '../../agent/src/os/errno.ts';
import { runProgram } from '../../agent/src/os/process.ts';
import { GUARD } from '../fixtures/guard.ts';
import { MARK_RULE } from '../fixtures/kernel-objects.ts';
import { putLinkMtu, putLinkState, readTableEvent } from '../fixtures/netlink-requests.ts';
import { claimLater, finish, holds, same } from './claims.ts';
import { NFNLGRP_NFTABLES } from './nft-constants.ts';
import { ask, changeSets, list, must, netfilter, open, route, WHERE } from './probe-socket.ts';
import { key } from './probe-state.ts';
import { receiveQueueSize } from './sockets.ts';
import { openUdp, receiveUdp, sendUdp } from './udp.ts';

async function run(...command: string[]): Promise<string> {
  const { status, stdout, stderr } = await runProgram(command);
  if (status !== 0) throw new Error(`${command.join(' ')}: ${status} ${stderr}`);
  return stdout;
}

// biome-ignore lint/suspicious/noExplicitAny: the JSON of foreign programs
async function json(...command: string[]): Promise<any> {
  return JSON.parse((await run(...command)) || '[]');
}

const RULESET = `
table inet whpt {
  set addr4 { type ipv4_addr; flags timeout; }
  set addr6 { type ipv6_addr; flags timeout; }
  set peer { type ipv4_addr . ipv4_addr; flags timeout; size 65535; }
  set port { typeof ip saddr . @th,96,32; flags timeout; }
  set plain { type ipv4_addr; flags interval; }
  set range { type ipv4_addr . inet_proto . inet_service; flags interval; }
  set small { type ipv4_addr; size 2; flags timeout; }
  chain out {
    type filter hook output priority 0;
    udp dport 5401 log prefix "whp:answer" group 5312
    udp dport 5404 ct mark set 0x03000000
  }
}
`;

const add = (set: string, ...elements: SetElement[]): SetChange => ({
  operation: 'add',
  set,
  elements,
});
const remove = (set: string, ...elements: SetElement[]): SetChange => ({
  operation: 'delete',
  set,
  elements,
});

/** Elements of a set as nft lists them, "value timeout" each. */
async function listed(set: string): Promise<string[]> {
  const { nftables } = await json('nft', '-j', 'list', 'set', 'inet', 'whpt', set);
  // biome-ignore lint/suspicious/noExplicitAny: nft's JSON
  const elements: any[] = nftables.find((o: any) => o.set)?.set.elem ?? [];
  return elements
    .map((e) => {
      const value = e.elem?.val ?? e;
      const timeout = e.elem?.timeout === undefined ? '' : ` ${e.elem.timeout}s`;
      const text = (v: unknown): string => JSON.stringify(v).replace(/["\\]/g, '');
      return `${Array.isArray(value.concat) ? value.concat.map(text).join(' . ') : text(value)}${timeout}`;
    })
    .sort();
}

async function proveSets(): Promise<void> {
  await claimLater('nft -f - by runProgram', async () => {
    const { status, stderr } = await runProgram(['nft', '-f', '-'], { input: RULESET });
    same([status, stderr], [0, '']);
  });
  await claimLater('nft lists our elements', async () => {
    const done = changeSets([
      add(
        'addr4',
        { key: key('192.0.2.1'), timeout: 60000 },
        { key: key('192.0.2.2'), timeout: 3600000 },
      ),
      add('addr6', { key: key('2001:db8::1'), timeout: 90000 }),
      add('peer', { key: key('192.168.1.2', '198.51.100.7'), timeout: 120000 }),
      add('port', { key: key('192.168.1.2', 13021), timeout: 7200000 }),
    ]);
    same(done.errno, 0, 'errno');
    same(await listed('addr4'), ['192.0.2.1 60s', '192.0.2.2 3600s']);
    same(await listed('addr6'), ['2001:db8::1 90s']);
    same(await listed('peer'), ['192.168.1.2 . 198.51.100.7 120s']);
    same(await listed('port'), [`192.168.1.2 . ${13021 * 65536} 7200s`]);
  });
  await claimLater('nft lists our ranges', async () => {
    const done = changeSets([
      add('range', {
        key: Uint8Array.of(...key('192.0.2.0'), 17, 0, 0, 0, ...key(40001)),
        keyEnd: Uint8Array.of(...key('192.0.2.255'), 17, 0, 0, 0, ...key(40047)),
      }),
      add('plain', { key: key('10.0.0.0') }, { key: key('10.1.0.0'), intervalEnd: true }),
    ]);
    same(done.errno, 0, 'errno');
    same(await listed('range'), ['{prefix:{addr:192.0.2.0,len:24}} . udp . {range:[40001,40047]}']);
    same(await listed('plain'), ['{prefix:{addr:10.0.0.0,len:16}}']);
  });
  await claimLater('deleted elements are gone', async () => {
    const done = changeSets([
      remove('addr4', { key: key('192.0.2.1') }),
      remove('port', { key: key('192.168.1.2', 13021) }),
    ]);
    same(done.errno, 0, 'errno');
    same(await listed('addr4'), ['192.0.2.2 3600s']);
    same(await listed('port'), []);
  });
  await claimLater('a full set refuses and changes nothing', async () => {
    const done = changeSets([
      add('addr4', { key: key('192.0.2.9') }),
      add('small', { key: key('1.0.0.1') }, { key: key('1.0.0.2') }, { key: key('1.0.0.3') }),
    ]);
    same(done.errno, sys.ENFILE, 'errno');
    same(await listed('small'), []);
    same(await listed('addr4'), ['192.0.2.2 3600s']);
  });
  await claimLater('renewing in a full set is possible', async () => {
    const both = [
      { key: key('1.0.0.1'), timeout: 60000 },
      { key: key('1.0.0.2'), timeout: 60000 },
    ];
    same(changeSets([add('small', ...both)]).errno, 0, 'add');
    const renewed = both.map((e) => ({ ...e, timeout: 600000 }));
    same(changeSets([{ operation: 'renew', set: 'small', elements: renewed }]).errno, 0, 'renew');
    same(await listed('small'), ['1.0.0.1 600s', '1.0.0.2 600s']);
  });
}

async function proveRoutes(): Promise<void> {
  await run('ip', 'link', 'add', 'd0', 'type', 'veth', 'peer', 'name', 'd1');
  await run('ip', 'link', 'set', 'd1', 'up');
  const d0: number = (await json('ip', '-j', 'link', 'show', 'd0'))[0].ifindex;
  await claimLater('ip shows a link that we set up, and its MTU', async () => {
    must(route, 'up', (w, seq) => putLinkState(w, seq, d0, true));
    must(route, 'mtu', (w, seq) => putLinkMtu(w, seq, d0, 1380));
    const [link] = await json('ip', '-j', 'link', 'show', 'd0');
    same([link.mtu, link.flags.includes('UP')], [1380, true]);
  });
  await claimLater('ip shows our address', async () => {
    const inner = { link: d0, address: '10.99.0.2', peer: '10.99.0.1', prefix: 32 };
    must(route, 'add', (w, seq) => putAddressAdd(w, seq, inner));
    const read = async () =>
      (await json('ip', '-j', '-4', 'addr', 'show', 'dev', 'd0')).flatMap(
        // biome-ignore lint/suspicious/noExplicitAny: ip's JSON
        (l: any) => l.addr_info?.map((a: any) => `${a.local} ${a.address} ${a.prefixlen}`) ?? [],
      );
    same(await read(), ['10.99.0.2 10.99.0.1 32']);
    must(route, 'delete', (w, seq) => putAddressDelete(w, seq, inner));
    same(await read(), []);
  });
  await claimLater('ip shows our routes', async () => {
    for (const family of [4, 6] as const) {
      const device = { family, table: 15001, link: d0, metric: 1, protocol: 87 };
      const prohibit = { ...device, link: 0, metric: 0xffffffff };
      must(route, 'device', (w, seq) => putRouteReplace(w, seq, device));
      must(route, 'prohibit', (w, seq) => putRouteReplace(w, seq, prohibit));
      const read = async () =>
        (await json('ip', '-j', `-${family}`, 'route', 'show', 'table', '15001')).map(
          // biome-ignore lint/suspicious/noExplicitAny: ip's JSON
          (r: any) => [r.type ?? 'unicast', r.dst, r.dev ?? '', r.metric, String(r.protocol)],
        );
      same(await read(), [
        ['unicast', 'default', 'd0', 1, '87'],
        ['prohibit', 'default', family === 6 ? 'lo' : '', 0xffffffff, '87'],
      ]);
      must(route, 'delete', (w, seq) => putRouteDelete(w, seq, device));
      must(route, 'delete', (w, seq) => putRouteDelete(w, seq, prohibit));
      same(await read(), []);
    }
  });
  await claimLater('ip shows our rules', async () => {
    for (const family of [4, 6] as const) {
      const rule = { ...MARK_RULE, family, preference: 15003, mark: 0x03000000, table: 15003 };
      must(route, 'add', (w, seq) => putRuleAdd(w, seq, rule));
      const read = async () =>
        (await json('ip', '-j', '-d', `-${family}`, 'rule')).filter(
          // biome-ignore lint/suspicious/noExplicitAny: ip's JSON
          (r: any) => r.priority === 15003,
        );
      const [got] = await read();
      same(
        [got.src, got.fwmark, got.fwmask, got.table, String(got.protocol)],
        ['all', '0x3000000', '0xf000000', '15003', '87'],
      );
      must(route, 'delete', (w, seq) => putRuleDelete(w, seq, rule));
      same(await read(), []);
    }
  });
  await claimLater(
    'a device that goes takes its route along, and all of it is announced',
    async () => {
      const events = open(NETLINK_ROUTE, { groups: [RTNLGRP_LINK, RTNLGRP_IPV4_ROUTE] });
      const device = { family: 4, table: 15001, link: d0, metric: 1, protocol: 87 } as const;
      must(route, 'device', (w, seq) => putRouteReplace(w, seq, device));
      must(route, 'delete', (w, seq) => putLinkDelete(w, seq, d0));
      const seen: string[] = [];
      receive(events, (m, r) => {
        const event = readRouteEvent(r, m);
        if (!event.ok) throw new Error(event.reason);
        if (event.value.kind === 'link' && event.value.gone)
          seen.push(`link ${event.value.link.name}`);
        if (event.value.kind === 'route' && !event.value.gone)
          seen.push(`route ${event.value.route.table}`);
      });
      // The kernel does not announce routes that are removed with their device (fib_sync_down_dev): the daemon
      // has to watch RTM_DELLINK.
      holds(seen.includes('route 15001') && seen.includes('link d0'), seen.join(', '));
      closeNetlink(events);
    },
  );
}

async function proveGeneration(): Promise<void> {
  const wait = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => void os.setTimeout(resolve, milliseconds));
  await claimLater('a change of the generation number is told once, and nothing else', async () => {
    let told = 0;
    const changes = watchGeneration(20, () => {
      told += 1;
    });
    if (!changes.ok) throw new Error(errorText(changes.error));
    holds(!watchGeneration(20, () => {}).ok, 'a second watch');
    await wait(200);
    same(told, 1, 'the first reading');
    await run('nft', 'add table inet generation');
    await wait(200);
    same(told, 2, 'a transaction');
    await run('nft', 'delete table inet generation');
    await wait(200);
    same(told, 3, 'another one');
    changes.value();
    await run('nft', 'add table inet generation');
    await wait(200);
    same(told, 3, 'after the end');
    const again = watchGeneration(20, () => {
      told += 1;
    });
    holds(again.ok, 'a watch after the end');
    await wait(200);
    same(told, 4, 'the first reading of the next watch');
    if (again.ok) again.value();
    await run('nft', 'delete table inet generation');
  });
}

async function proveNeighbours(): Promise<void> {
  await claimLater('the neighbour table, as ip neigh lists it', async () => {
    await run('ip', 'link', 'add', 'nb0', 'type', 'veth', 'peer', 'name', 'nb1');
    await run('ip', 'link', 'set', 'nb0', 'up');
    const known = ['lladdr', '02:00:00:00:0a:0b', 'dev', 'nb0', 'nud', 'permanent'];
    await run('ip', 'neigh', 'add', '192.0.2.77', ...known);
    await run('ip', 'neigh', 'add', '2001:db8::77', ...known);
    const found = list(route, putNeighbourDump, readNeighbour);
    const macs = found.filter(({ mac }) => mac === '02:00:00:00:0a:0b');
    same(macs.map(({ address }) => address).sort(), ['192.0.2.77', '2001:db8::77']);
    await run('ip', 'link', 'del', 'nb0');
  });
}

async function proveFlows(): Promise<void> {
  must(route, 'lo up', (w, seq) => putLinkState(w, seq, 1, true));
  const sender = openUdp(0);
  await claimLater('conntrack -L sees what we see, and not what we deleted', async () => {
    const sink = openUdp(5404);
    sendUdp(sender, 5404, 'x');
    receiveUdp(sink);
    const [flow] = list(
      netfilter,
      (w, seq) => putConntrackDump(w, seq, 0, 0x03000000, 0x0f000000),
      readConnection,
    );
    if (flow === undefined) throw new Error('we see nothing');
    const text = await run('conntrack', '-L', '-o', 'id', '-m', '0x03000000/0x0f000000');
    holds(text.includes(`sport=${flow.original.sourcePort} dport=5404`), text);
    holds(text.includes(`id=${flow.id}`) && text.includes(`mark=${flow.mark}`), text);
    must(netfilter, 'delete', (w, seq) => putConntrackDelete(w, seq, flow));
    same(await run('conntrack', '-L', '-m', '0x03000000/0x0f000000'), '');
    os.close(sink);
  });
  await claimLater('a list of one end has its connections, in both families', async () => {
    const ends = [
      ['192.0.2.11', '198.51.100.7'],
      ['192.0.2.12', '198.51.100.8'],
      ['2001:db8::11', '2001:db8:1::7'],
      ['2001:db8::12', '2001:db8:1::8'],
    ] as const;
    for (const [source, destination] of ends) {
      const tuple = ['-s', source, '-d', destination, '-p', 'udp', '--sport', '9', '--dport', '9'];
      await run('conntrack', '-I', ...tuple, '-t', '60');
    }
    for (const [source, destination] of ends) {
      const family = source.includes(':') ? 6 : 4;
      for (const only of [
        { family, source, destination: null },
        { family, source: null, destination },
        { family, source, destination },
      ] as const) {
        const found = list(
          netfilter,
          (w, seq) => putConntrackDump(w, seq, family, 0, 0x0f000000, only),
          readConnection,
        ).filter(({ original }) => original.source === source);
        same(found.length, 1, `${JSON.stringify(only)}`);
      }
    }
  });
  await claimLater('a log that is not read overruns, and goes on', async () => {
    const log = open(NETLINK_NETFILTER, { receiveQueue: 4096 });
    holds(receiveQueueSize(log) >= 4096, 'no queue size');
    must(log, 'bind', (w, seq) =>
      putLogBind(w, seq, 5312, { copyRange: 1500, threshold: 1, timeout: 1, bufferSize: 0 }),
    );
    const flood = (count: number): void => {
      for (let i = 0; i < count; i++) sendUdp(sender, 5401, 'y'.repeat(1000));
      os.sleep(20);
    };
    flood(200);
    const packet = createLoggedPacket();
    const sequence: number[] = [];
    const drain = (): number =>
      receive(
        log,
        (m, r) => {
          if (m.type !== LOGGED_PACKET) return;
          holds(readLoggedPacket(r, m, packet) === undefined, 'malformed');
          sequence.push(packet.sequence);
        },
        1000,
      );
    same(drain(), sys.ENOBUFS, 'errno');
    holds(
      log.counters.overruns > 0 && sequence.length < 200,
      `${log.counters.overruns} ${sequence.length}`,
    );
    const before = sequence.length;
    flood(1);
    drain();
    same(sequence.length, before + 1, 'packets after the overrun');
    holds(sequence.at(-1)! - sequence.at(-2)! > 1, `no gap in ${sequence.slice(-3)}`);
    closeNetlink(log);
  });
  await claimLater('events overrun, and the next event is told', async () => {
    const events = open(NETLINK_NETFILTER, { groups: [NFNLGRP_NFTABLES], receiveQueue: 4096 });
    const many: SetElement[] = [];
    for (let i = 0; i < 2000; i++)
      many.push({ key: key('10.2.0.1', `10.3.${i >> 8}.${i & 255}`), timeout: 60000 });
    same(changeSets([add('peer', ...many)]).errno, 0, 'errno');
    same(
      receive(events, () => {}, 1000),
      sys.ENOBUFS,
      'errno',
    );
    const seen: string[] = [];
    await run('nft', 'delete', 'table', 'inet', 'whpt');
    receive(
      events,
      (m, r) => {
        const event = readTableEvent(r, m);
        if (event?.kind === 'table-deleted') seen.push(event.table);
      },
      1000,
    );
    holds(events.counters.overruns > 0, 'not counted');
    holds(seen.includes('whpt') || events.counters.overruns > 1, `seen: ${seen}`);
    closeNetlink(events);
  });
  await claimLater('a request to a table that is gone is refused by errno', async () => {
    same(changeSets([add('addr4', { key: key('192.0.2.1') })]).errno, sys.ENOENT);
    same(
      ask(route, (w, seq) => putLinkDelete(w, seq, 9999)),
      sys.ENODEV,
    );
    same(WHERE.table, 'whpt');
  });
}

await proveSets();
await proveRoutes();
await proveGeneration();
await proveNeighbours();
await proveFlows();
await claimLater('the guard outlives a flush of everything, and not its socket', async () => {
  const raised = raiseGuard(GUARD);
  if (!raised.ok) throw new Error(errorText(raised.error));
  const rules = async (): Promise<string[]> =>
    (await run('nft', 'list', 'ruleset'))
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => /accept$|drop$/.test(line) && !line.startsWith('type'));
  const wanted = [
    'ct mark & 0x0f000000 == 0x00000000 ct state established,related accept',
    'meta mark & 0x0f000000 != 0x00000000 accept',
    'iifname "whp-*" accept',
    'ct mark & 0x0f000000 == 0x0f000000 accept',
    'ct mark & 0x0f000000 == 0x0d000000 accept',
    'ct mark & 0x0f000000 == 0x0e000000 accept',
    'iifname "br-lan" drop',
    'iifname "br-guest" drop',
    'oifname "whp-*" accept',
    'oifname "lo" accept',
    'ip saddr 10.254.1.2 drop',
    'ip6 saddr fd00::2 drop',
    'ct mark & 0x0f000000 == 0x0f000000 accept',
    'ct mark & 0x0f000000 == 0x0d000000 accept',
    'ct mark & 0x0f000000 == 0x0e000000 accept',
    'oifname "br-lan" accept',
    'oifname "br-guest" accept',
    'meta mark & 0x0f000000 != 0x00000000 accept',
    'ct mark & 0x0f000000 != 0x00000000 drop',
  ];
  await run('nft', 'flush', 'ruleset');
  same(await rules(), wanted, 'after the flush');
  holds(!raiseGuard(GUARD).ok, 'a second agent raised the same guard');
  const refused = await runProgram(['nft', 'delete', 'table', 'inet', 'whpt_guard']);
  holds(refused.status !== 0, 'somebody else deleted it');
  raised.value.lower();
  same(await rules(), [], 'after its socket');
});

finish();
