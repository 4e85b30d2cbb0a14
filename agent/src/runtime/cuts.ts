// runtime/cuts: ends flows that are on the wrong way. Their connection entry goes, so that the next packet
// begins anew; a TCP connection under way is marked first, for the table to tell its device (ruleset/
// compile/ended-flows), and goes when that has had its time. What the remote end still sends meets silence.
import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { cutConnections, findConnection, markConnections } from '../kernel/conntrack.ts';
import { changeSets } from '../kernel/sets.ts';
import type { Flow } from '../learn/evidence.ts';
import {
  deviceSide,
  type Ending,
  expireSilence,
  isToBeTold,
  remoteSide,
  type SilentEnd,
  silenced,
} from '../learn/silence.ts';
import type { Connection } from '../netlink/conntrack.ts';
import { MSG_DONTWAIT } from '../netlink/constants.ts';
import { hostInt, inetAddress } from '../netlink/endian.ts';
import type { SetChange } from '../netlink/nft-set.ts';
import { after, now } from '../os/clock.ts';
import { randomBytes } from '../os/random.ts';
import { CUT, markOf } from '../policy/marks.ts';
import { parseAddress } from '../wire/address.ts';
import { tcpQuestion } from '../wire/tcp-question.ts';
import type { Learning } from './learning.ts';

/** Connections whose devices are being told; what is more is deleted at once. */
const MOST_TOLD = 512;
/** When a device is asked, milliseconds: Linux answers such a question twice a second at most, and a radio
 * that sleeps hears at its next beacon. */
const ASKED_AT = [0, 700, 2500];
/** When the entry goes: what the server sends till then tells the device, too. */
const GONE_AT = 10_000;
/** linux/in.h: the packet brings its IP header. */
const IPPROTO_RAW = 255;

export interface Cuts {
  /** Ends exactly these; one that is gone by itself is no error. Returns the error or null. */
  end(endings: readonly Ending[]): string | null;
  /** Ends the flow of a device's packet that the table has refused just now. `found`: its entry, before. */
  endRefused(flow: Flow, found?: (connection: Connection) => void): string | null;
  /** What has been silent long enough is forgotten. */
  tick(): void;
  /** The table is about to go, and with it what answers the devices that are asked: none is asked any more. */
  close(): void;
}

/** What those have at hand who end flows. */
export interface FlowEnding extends Learning {
  /** null: while the parts are put together. */
  readonly cuts: Cuts | null;
}

export function createCuts(effects: Learning): Cuts {
  const told = { count: 0, over: false };
  const write = (added: readonly SilentEnd[], gone: readonly SilentEnd[]): string | null => {
    const changes = [
      ...changesOf('add', added),
      // Adding first makes the deletion succeed whatever the kernel has forgotten by itself.
      ...changesOf('add', gone),
      ...changesOf('delete', gone),
    ];
    if (changes.length === 0) return null;
    return changeSets(effects.sets, changes);
  };
  const silence = (endings: readonly Ending[]): string | null => {
    const { state } = effects;
    if (state === null) return null;
    const inner = new Set(
      state.policy.proxies.flatMap(({ local, inner6 }) => [local, inner6?.local ?? local]),
    );
    // What comes out of a tunnel for no flow meets silence anyway.
    const outside = endings.filter((one) => !inner.has(remoteSide(one).destination));
    const { added, gone } = silenced(state.silence, outside, now());
    return write(added, gone);
  };
  return {
    end: (endings) => {
      const { connections, state } = effects;
      if (endings.length === 0) return null;
      const wrong = silence(endings);
      const mask = state?.policy.globals.mask ?? 0;
      const room = state === null ? 0 : MOST_TOLD - told.count;
      const tell = endings.filter(({ connection }) => isToBeTold(connection, mask)).slice(0, room);
      const listOf = (some: readonly Ending[]) => some.map(({ connection }) => connection);
      const telling = new Set(tell);
      const marked = markConnections(connections, listOf(tell), { value: markOf(mask, CUT), mask });
      const deleted = listOf(endings.filter((one) => marked !== null || !telling.has(one)));
      const refused = cutConnections(connections, deleted);
      if (marked === null && tell.length > 0) {
        told.count += tell.length;
        for (const at of ASKED_AT) {
          after(at, () => {
            if (!told.over) ask(tell, markOf(mask, CUT));
          });
        }
        after(GONE_AT, () => {
          told.count -= tell.length;
          cutConnections(connections, listOf(tell));
        });
      }
      return refused ?? wrong;
    },
    endRefused: (flow, found) => {
      const { connections } = effects;
      const connection = findConnection(connections, flow);
      if (connection === null) return null;
      found?.(connection);
      const wrong = silence([{ connection, outward: true }]);
      return cutConnections(connections, [connection]) ?? wrong;
    },
    close: () => {
      told.over = true;
    },
    tick: () => {
      const { state } = effects;
      if (state !== null) write([], expireSilence(state.silence, now()));
    },
  };
}

function changesOf(operation: 'add' | 'delete', ends: readonly SilentEnd[]): SetChange[] {
  const bySet = new Map<string, { readonly key: Uint8Array }[]>();
  for (const { set, key } of ends) {
    const list = bySet.get(set) ?? [];
    bySet.set(set, list);
    list.push({ key });
  }
  return Array.from(bySet, ([set, elements]) => ({ operation, set, elements }));
}

/** Asks each device, in the name of its server, where its connection is. A question that cannot leave is
 * one less: the server's next packet tells the device as well. */
function ask(endings: readonly Ending[], mark: number): void {
  for (const [family, domain] of [
    [4, sys.AF_INET],
    [6, sys.AF_INET6],
  ] as const) {
    const some = endings.filter(({ connection }) => connection.family === family);
    if (some.length === 0) continue;
    const fd = sys.socket(domain, sys.SOCK_RAW | sys.SOCK_NONBLOCK, IPPROTO_RAW);
    if (fd < 0) continue;
    if (sys.setsockopt(fd, sys.SOL_SOCKET, sys.SO_MARK, hostInt(mark)) >= 0) {
      for (const ending of some) send(fd, ending);
    }
    os.close(fd);
  }
}

function send(fd: number, ending: Ending): void {
  const { source, sourcePort, destination, destinationPort } = deviceSide(ending);
  const device = parseAddress(source);
  const server = parseAddress(destination);
  if (device === null || server === null) return;
  const packet = tcpQuestion(
    { address: server, port: destinationPort },
    { address: device, port: sourcePort },
    randomBytes(8),
  );
  const to = inetAddress(device);
  sys.sendto(fd, packet.buffer as ArrayBuffer, 0, packet.length, MSG_DONTWAIT, to);
}
