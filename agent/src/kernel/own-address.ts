// kernel/own-address: which address the kernel takes for packets to another one, and which address a resolver sees
// behind a tunnel, for `whp test`.

import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { MSG_DONTWAIT } from '../netlink/constants.ts';
import { inetAddress } from '../netlink/endian.ts';
import { after } from '../os/clock.ts';
import { randomBytes } from '../os/random.ts';
import { familyOf, formatAddress, parseAddress } from '../wire/address.ts';
import { decodeDns } from '../wire/dns.ts';
import { dnsMessage, QUERY } from '../wire/dns-message.ts';
import { DNS_PORT } from '../wire/ports.ts';
import { checked, openBound } from './bound-socket.ts';

const WAIT = 1500;

/** Connects a UDP socket to port DNS_PORT of `address`, which sends nothing; or returns -errno. */
function connected(fd: number, address: Uint8Array): number {
  if (fd < 0) return fd;
  const to = inetAddress(address);
  new Uint8Array(to).set([0, DNS_PORT], 2);
  return checked(fd, sys.connect(fd, to));
}

/** The router's own address for packets to `far`; null: no route. */
export function ownAddress(far: string): string | null {
  const to = parseAddress(far);
  if (to === null) return null;
  const domain = to.length === 4 ? sys.AF_INET : sys.AF_INET6;
  const fd = connected(sys.socket(domain, sys.SOCK_DGRAM, 0), to);
  if (fd < 0) return null;
  const own = new ArrayBuffer(28);
  const length = sys.getsockname(fd, own);
  os.close(fd);
  const family = familyOf(to);
  return length < 0 ? null : formatAddress(new Uint8Array(own), family === 4 ? 4 : 8, family);
}

/** Asks the IPv4 address `resolver` through `device` for the address of `name`, twice at most. Null: no answer with an
 * address. */
export function askThrough(device: string, name: string, resolver: string): Promise<string | null> {
  const to = parseAddress(resolver);
  const fd = to === null ? -1 : connected(openBound(sys.AF_INET, sys.SOCK_DGRAM, 0, device), to);
  if (fd < 0) return Promise.resolve(null);
  return new Promise((resolve) => {
    const [high = 0, low = 0] = randomBytes(2);
    const question = dnsMessage((high << 8) | low, QUERY, name);
    const bytes = new Uint8Array(512);
    const send = (): void => {
      sys.send(fd, question.buffer, 0, question.length, MSG_DONTWAIT);
    };
    const end = (address: string | null): void => {
      for (const stop of stops) stop();
      os.setReadHandler(fd, null);
      os.close(fd);
      resolve(address);
    };
    const stops = [after(WAIT / 2, send), after(WAIT, () => end(null))];
    os.setReadHandler(fd, () => {
      const size = sys.recv(fd, bytes.buffer, 0, bytes.length, MSG_DONTWAIT);
      if (size < 2 || bytes[0] !== high || bytes[1] !== low) return;
      const message = decodeDns(bytes, 0, size);
      const records = 'malformed' in message ? [] : message.records;
      end(records.flatMap(({ addresses }) => addresses)[0]?.address ?? null);
    });
    send();
  });
}
