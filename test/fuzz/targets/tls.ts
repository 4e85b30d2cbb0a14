// wire/tls: the first bytes of a TLS flow. The name lies at the returned offset and consists of a host name's
// lower-case bytes; no byte outside is read.
import { decodeClientHello } from '../../../agent/src/wire/tls.ts';
import { clientHello, extension, serverName } from '../../fixtures/tls.ts';
import { isolated, kindOf, must, type Target } from '../target.ts';

function decode(bytes: Uint8Array, offset: number, end: number): string {
  const read = decodeClientHello(bytes, offset, end);
  if ('malformed' in read) return kindOf(read.malformed);
  if ('more' in read) return 'more';
  if (read.server === null) return 'nameless';
  must(read.server === read.server.toLowerCase(), 'a name not in lower case');
  must(read.at >= offset && read.at + read.length <= end, 'a name outside the bytes');
  return `name ${Math.min(read.server.split('.').length, 4)} | ${read.server} ${read.at - offset}`;
}

export const tls: Target = {
  name: 'tls',
  weight: 6,
  seeds: [
    clientHello([serverName('ui.skype.com')]),
    clientHello([extension(51, new Uint8Array(200)), serverName('www.example.org')]),
    clientHello([extension(51, new Uint8Array(40))]),
    clientHello([]),
    clientHello([serverName('a.example'), extension(51, new Uint8Array(300))]).slice(0, 90),
  ],
  words: [
    [0, 0],
    [0, 0, 0, 9, 0, 7, 0, 0, 4],
    [22, 3, 1],
    [0xff, 0xff],
  ],
  run: (input, random) => isolated(input, random, decode).split(' | ')[0]!,
};
