// The three barriers between a marked packet and the WAN, each alone on a real kernel: the ip rule of its slot,
// the prohibit route behind the tunnel's route, the forward chain. The other two are removed; packets that
// leave by the WAN are counted.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import type { Ruleset } from '../../agent/src/ruleset/model.ts';
import { tcp, udp } from '../fixtures/packets.ts';
import { policyFrom } from '../fixtures/policies.ts';
import { A, A6, NODE, NODE6, type Side } from '../trace/cases.ts';
import { startRouter } from './router.ts';

const router = await startRouter(`whp-barriers-${process.pid}`);
test.after(() => router.stop());

const FAMILIES = ['-4', '-6'] as const;
/** A first packet of each family, over UDP and TCP, from a port without evidence. */
const packets = (port: number): Uint8Array[] => [
  udp({ src: A, dst: NODE, sport: port, dport: 40011 }),
  tcp({ src: A, dst: NODE, sport: port, dport: 40011 }, 'S'),
  udp({ src: A6, dst: NODE6, sport: port, dport: 40011 }),
];

/** The table without its kill switch: packets that it would reject pass. */
function withoutKillSwitch(table: Ruleset): Ruleset {
  const chains = table.chains.map((chain) => {
    if (chain.name !== 'skype_forward') return chain;
    const rules = chain.rules.filter(({ comment }) => comment !== 'no tunnel, no way');
    assert.is(rules.length, chain.rules.length - 1);
    return { ...chain, rules };
  });
  return { ...table, chains };
}

const ip = (family: string, line: string): string => router.run('ip', family, ...line.split(' '));
const rules = (op: 'add' | 'del'): void => {
  for (const family of FAMILIES) {
    ip(family, `rule ${op} fwmark 0x01000000/0x0f000000 lookup 15001 pref 15001`);
  }
};
const prohibits = (op: 'add' | 'del'): void => {
  for (const family of FAMILIES)
    ip(family, `route ${op} prohibit default table 15001 metric 4294967295`);
};
const tunnel = (op: 'add' | 'del'): void => {
  for (const family of FAMILIES) ip(family, `route ${op} default dev whp-a table 15001`);
};

const COUNT = `table inet exits {
  counter wan { }
  counter tunnel { }
  chain last { type filter hook postrouting priority 400;
    iifname "br-lan" oifname "wan" counter name wan
    iifname "br-lan" oifname "whp-a" counter name tunnel
  }
}
`;

/** The number of packets that leave by the WAN, and by the tunnel. */
async function leaving(table: Ruleset, port: number): Promise<{ wan: number; tunnel: number }> {
  router.load(table);
  router.nft(`add table inet exits\ndelete table inet exits\n${COUNT}`);
  for (const packet of packets(port)) await router.send('lan' satisfies Side, packet);
  const listed = JSON.parse(router.nft('list counters table inet exits\n')).nftables as {
    counter?: { name: string; packets: number };
  }[];
  const of = (name: string): number =>
    listed.find(({ counter }) => counter?.name === name)?.counter?.packets ?? -1;
  return { wan: of('wan'), tunnel: of('tunnel') };
}

const whole = compile(policyFrom({}));

test('with all three, everything leaves by the tunnel', async () => {
  assert.equal(await leaving(whole, 2000), { wan: 0, tunnel: 3 });
});

test('the forward chain alone: no ip rule leads anywhere', async () => {
  rules('del');
  try {
    assert.equal(await leaving(whole, 2001), { wan: 0, tunnel: 0 });
    // Without the chain they leave: the count works.
    assert.is((await leaving(withoutKillSwitch(whole), 2002)).wan, 3);
  } finally {
    rules('add');
  }
});

test('the prohibit alone: the tunnel has lost its route, and the table its kill switch', async () => {
  tunnel('del');
  try {
    assert.equal(await leaving(withoutKillSwitch(whole), 2003), { wan: 0, tunnel: 0 });
    prohibits('del');
    assert.is((await leaving(withoutKillSwitch(whole), 2004)).wan, 3);
    prohibits('add');
  } finally {
    tunnel('add');
  }
});

test('the ip rule alone: it leads into the tunnel with nothing behind it', async () => {
  prohibits('del');
  try {
    assert.equal(await leaving(withoutKillSwitch(whole), 2005), { wan: 0, tunnel: 3 });
  } finally {
    prohibits('add');
  }
});

test.run();
