// What the wires of a home show of a new flow: a datagram of the device, seen as it leaves the router, and answered by
// a far end or by an ICMP error of the router.
import * as assert from 'uvu/assert';
import { type Home, NODE, NODE_PORT, pause } from '../fixtures/netns-home.ts';

export const DEVICE = '192.168.1.11';

export interface Crossed {
  readonly state: 'proxied' | 'refused' | 'direct';
  /** Name of the proxy into whose tunnel it went; null: into none. */
  readonly proxy: string | null;
  /** What was seen, in words. */
  readonly seen: string;
  /** The flow that was sent, and one that was not. */
  readonly flow: string;
  readonly next: string;
}

/** Where packets go; lost: nobody answers them. */
export interface Going extends Pick<Crossed, 'proxy' | 'seen'> {
  readonly state: Crossed['state'] | 'lost';
}

/** A flow that goes on. */
export interface Running {
  readonly flow: string;
  /** Where its packets go now, by the next answers. */
  now(): Promise<Going>;
  stop(): void;
}

export interface Wires {
  /** Begins a flow that goes on; resolves when it is answered. */
  begin(): Promise<Running>;
  /** Sends a new flow until there is an answer. `given`: its source port; `source`: the address that goes with this port. */
  send(to?: string, given?: number, source?: string): Promise<Crossed>;
}

/** Watches the devices by which packets leave the router, before their source is translated. */
const WATCH = `table inet wire {
  set left { typeof udp sport . oifname; flags dynamic; size 4096; }
  chain out { type filter hook postrouting priority 90;
    iifname { "br-lan", "br-guest" } udp dport ${NODE_PORT} update @left { udp sport . oifname };
  }
}`;

export function watchWires(home: Home): Wires {
  home.run('router', 'nft', WATCH);
  let port = 20000;
  const leftBy = (from: number): string[] => {
    const listed = home.run('router', 'nft', 'list', 'set', 'inet', 'wire', 'left');
    return Array.from(listed.matchAll(/(\d+) \. "([\w-]+)"/g))
      .filter(([, sport]) => Number(sport) === from)
      .map(([, , device]) => device!);
  };
  const flowOf = (from: number, to = NODE, device = DEVICE): string =>
    `udp ${device}:${from} ${to}:${NODE_PORT}`;
  return {
    async begin() {
      port += 2;
      const talk = home.talk(port);
      const flow = flowOf(port);
      for (let waited = 0; talk.heard.length === 0 && waited < 5000; waited += 10) await pause(10);
      return {
        flow,
        async now() {
          const from = Date.now();
          const heard = (): string[] =>
            talk.heard.filter(({ at }) => at >= from).map(({ word }) => word);
          // The kernel sends one ICMP error a second to a device.
          for (let waited = 0; heard().length === 0 && waited < 5000; waited += 10) await pause(10);
          await pause(200);
          const words = new Set(heard());
          assert.ok(words.size < 2, `answers to ${flow}: ${[...words].join(' ')}`);
          const [word] = words;
          if (word === undefined) return { state: 'lost', proxy: null, seen: 'no answer' };
          const proxy = /^proxy(.*)$/.exec(word)?.[1] ?? null;
          const beside = word === 'internet' ? 'direct' : 'refused';
          return { state: proxy === null ? beside : 'proxied', proxy, seen: `answer: ${word}` };
        },
        stop: () => talk.stop(),
      };
    },
    async send(to = NODE, given, source = DEVICE) {
      port += 2;
      const from = given ?? port;
      const talk = home.talk(from, to);
      // The running flow has its share of the one ICMP error a second.
      for (let waited = 0; talk.heard.length === 0 && waited < 15_000; waited += 10)
        await pause(10);
      await pause(50);
      talk.stop();
      const words = new Set(talk.heard.map(({ word }) => word));
      assert.ok(words.size < 2, `one answer to ${from}: ${[...words].join(' ')}`);
      const [word = ''] = words;
      const devices = leftBy(from);
      const named = { flow: flowOf(from, to, source), next: flowOf(from + 1, to, source) };
      if (devices.length === 0) {
        if (word === '')
          return { state: 'refused', proxy: null, seen: 'nothing left; no answer', ...named };
        assert.match(word, /^E(CONNREFUSED|HOSTUNREACH|NETUNREACH|ACCES|PERM)/, 'an ICMP error');
        return {
          state: 'refused',
          proxy: null,
          seen: `nothing left; ICMP error: ${word}`,
          ...named,
        };
      }
      assert.is(devices.length, 1, `one way of ${from}: ${devices.join(' ')}`);
      const [device = ''] = devices;
      const proxy = /^whp-(.*)$/.exec(device)?.[1] ?? null;
      assert.is(word, proxy === null ? 'internet' : `proxy${proxy}`, `${from} left by ${device}`);
      const seen = `left by ${device}; answered by ${word}`;
      return { state: proxy === null ? 'direct' : 'proxied', proxy, seen, ...named };
    },
  };
}
