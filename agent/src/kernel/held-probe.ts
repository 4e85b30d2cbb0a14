// kernel/held-probe: sends DNS answers as the router's resolver would, and sees when they leave by the lan device, for
// `whp test`. They pass the output chain, the queue and the agent as every answer does. They have no record, so they
// teach nothing; their group of hosts (RFC 4727 section 2.4.2) is nobody's, and time to live 1 keeps them at home.

import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { IPPROTO_RAW, MSG_DONTWAIT } from '../netlink/constants.ts';
import { hostOrder, inetAddress } from '../netlink/endian.ts';
import { type Instruction, socketFilter } from '../netlink/mark-filter.ts';
import { after, now } from '../os/clock.ts';
import { readText } from '../os/file.ts';
import { datagram, dnsMessage, NO_SUCH_NAME } from '../wire/dns-message.ts';
import { DNS_PORT } from '../wire/ports.ts';
import { checked, openBound } from './bound-socket.ts';

const GROUP = Uint8Array.of(224, 0, 0, 254);
const DISCARD = 9;
/** RFC 6761: no resolver has a name below it. */
const NAME = 'whp-test.invalid';
const ETH_P_ALL = 3;
/** Milliseconds: a device asks again after that. */
const WAIT = 1000;

/** Passes UDP from port DNS_PORT to port DISCARD, whose IP header has no options. */
const PROBES: readonly Instruction[] = [
  [0x30, 0, 0, 9], // A = protocol
  [0x15, 0, 3, 17],
  [0x20, 0, 0, 20], // A = both ports
  [0x15, 0, 1, (DNS_PORT << 16) | DISCARD],
  [0x06, 0, 0, 0xffff],
  [0x06, 0, 0, 0],
];

/** A lan device: its name, its index, and the router's address there. */
export interface LanEnd {
  readonly name: string;
  readonly index: number;
  readonly address: Uint8Array;
}

/** Sends `count` answers one after the other. Resolves to the milliseconds that each took; null: it did not leave. Or
 * to -errno. */
export async function timeHeld(lan: LanEnd, count: number): Promise<(number | null)[] | number> {
  const out = openBound(sys.AF_INET, sys.SOCK_RAW, IPPROTO_RAW, lan.name);
  if (out < 0) return out;
  const tap = openTap(lan);
  const times: (number | null)[] = [];
  for (let i = 0; i < count && tap >= 0; i++) times.push(await timeOne(out, tap, lan, i));
  os.close(out);
  if (tap < 0) return tap;
  os.close(tap);
  return times;
}

/** A socket that gets the probes that leave by the device. */
function openTap({ index }: LanEnd): number {
  const fd = sys.socket(sys.AF_PACKET, sys.SOCK_DGRAM | sys.SOCK_NONBLOCK, 0);
  if (fd < 0) return fd;
  // struct sockaddr_ll; its protocol is in network order.
  const view = new DataView(new ArrayBuffer(20));
  const little = hostOrder === 'little';
  view.setUint16(0, sys.AF_PACKET, little);
  view.setUint16(2, ETH_P_ALL);
  view.setInt32(4, index, little);
  const filtered = sys.filter(fd, socketFilter(PROBES));
  return checked(fd, Math.min(filtered, sys.bind(fd, view.buffer)));
}

function timeOne(out: number, tap: number, { address }: LanEnd, id: number) {
  return new Promise<number | null>((resolve) => {
    const bytes = new Uint8Array(128);
    const answer = dnsMessage(id, NO_SUCH_NAME, NAME);
    const packet = datagram([address, DNS_PORT], [GROUP, DISCARD], answer);
    const end = (time: number | null): void => {
      stop();
      os.setReadHandler(tap, null);
      resolve(time);
    };
    const stop = after(WAIT, () => end(null));
    const from = now();
    os.setReadHandler(tap, () => {
      const size = sys.recv(tap, bytes.buffer, 0, bytes.length, MSG_DONTWAIT);
      // The identifier is the first field behind the headers of IP and UDP.
      if (size === packet.length && bytes[28] === packet[28] && bytes[29] === packet[29])
        end(now() - from);
    });
    sys.sendto(out, packet.buffer, 0, packet.length, MSG_DONTWAIT, inetAddress(GROUP));
  });
}

/** How many packets the kernel has given to the program that reads queue `number`; null: nobody reads it. */
export function queuedSoFar(number: number): number | null {
  const read = readText('/proc/net/netfilter/nfnetlink_queue');
  const lines = read.ok ? read.text.split('\n') : [];
  const fields = lines.map((line) => line.trim().split(/ +/).map(Number));
  return fields.find(([queue]) => queue === number)?.[7] ?? null;
}
