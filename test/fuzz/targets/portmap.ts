// wire/portmap: requests of NAT-PMP and PCP; all numbers are in range.
import { decodePortMap } from '../../../agent/src/wire/portmap.ts';
import { isolated, kindOf, must, type Target } from '../target.ts';

function decode(bytes: Uint8Array, offset: number, end: number): string {
  const request = decodePortMap(bytes, offset, end);
  if (request === null) return 'another message';
  if ('malformed' in request) return kindOf(request.malformed);
  const { protocol, transport, internalPort, externalPort, lifetimeSeconds } = request;
  for (const port of [internalPort, externalPort]) must(port >= 0 && port <= 0xffff, 'a port');
  must(lifetimeSeconds >= 0 && lifetimeSeconds <= 0xffffffff, 'a lifetime');
  const numbers = `${internalPort} ${externalPort} ${lifetimeSeconds}`;
  return `${protocol} ${transport} ${lifetimeSeconds === 0} | ${numbers}`;
}

const pcp = new Uint8Array(60);
pcp.set([2, 1, 0, 0, 0, 0, 14, 16]);
pcp.set([17, 0, 0, 0, 0x32, 0xdd, 0x32, 0xdd], 36);

export const portmap: Target = {
  name: 'portmap',
  weight: 4,
  seeds: [
    Uint8Array.of(0, 1, 0, 0, 0x32, 0xdd, 0x32, 0xdd, 0, 0, 14, 16),
    Uint8Array.of(0, 0),
    pcp,
  ],
  run: (input, random) => isolated(input, random, decode).split(' | ')[0]!,
};
