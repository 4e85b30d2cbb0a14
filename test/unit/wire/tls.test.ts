// wire/tls: the server name of a ClientHello, whole, cut at every byte, and malformed.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeClientHello } from '../../../agent/src/wire/tls.ts';
import { clientHello, extension, serverName } from '../../fixtures/tls.ts';
import { rounds } from '../../lib/rounds.ts';

function serverOf(bytes: Uint8Array): string | null {
  const read = decodeClientHello(bytes);
  return 'server' in read ? read.server : null;
}

test('the server, wherever its extension stands', () => {
  const filler = extension(51, new Uint8Array(1200));
  const name = serverName('UI.Skype.com');
  assert.is(serverOf(clientHello([name, filler])), 'ui.skype.com');
  assert.is(serverOf(clientHello([filler, name])), 'ui.skype.com');
  assert.is(serverOf(clientHello([serverName('ui.skype.com.')])), 'ui.skype.com');
});

test('the place of the name in the bytes', () => {
  const bytes = clientHello([serverName('a.example')]);
  const read = decodeClientHello(bytes);
  assert.ok('server' in read);
  const text = String.fromCharCode(...bytes.subarray(read.at, read.at + read.length));
  assert.is(text, 'a.example');
});

test('a hello without the extension, or without any', () => {
  assert.is(serverOf(clientHello([extension(51, new Uint8Array(4))])), null);
  assert.equal(decodeClientHello(clientHello([])), { server: null, at: 0, length: 0 });
});

test('cut at any byte: more is needed, or the name is there already', () => {
  const bytes = clientHello([serverName('ui.skype.com'), extension(51, new Uint8Array(300))]);
  for (let end = 9; end < bytes.length; end++) {
    const read = decodeClientHello(bytes, 0, end);
    assert.ok('more' in read || ('server' in read && read.server === 'ui.skype.com'), `at ${end}`);
  }
  for (let end = 0; end < 9; end++) assert.ok('malformed' in decodeClientHello(bytes, 0, end));
});

test('bytes before and behind are not read', () => {
  const bytes = clientHello([serverName('a.example')]);
  const inside = new Uint8Array(bytes.length + 40).fill(22);
  inside.set(bytes, 20);
  const read = decodeClientHello(inside, 20, 20 + bytes.length);
  assert.ok('server' in read && read.server === 'a.example');
});

test('not TLS, not a ClientHello, several records', () => {
  const hello = clientHello([serverName('a.example')]);
  const changed = (at: number, value: number) => {
    const copy = hello.slice();
    copy[at] = value;
    return decodeClientHello(copy);
  };
  assert.equal(changed(0, 23), { malformed: 'TLS: not a ClientHello' });
  assert.equal(changed(1, 2), { malformed: 'TLS: not a ClientHello' });
  assert.equal(changed(5, 2), { malformed: 'TLS: not a ClientHello' });
  assert.equal(changed(4, 10), { malformed: 'TLS: a ClientHello in several records' });
});

test('lengths that lie', () => {
  const extensions = (bytes: Uint8Array) => decodeClientHello(bytes);
  const far = clientHello([serverName('a.example')]);
  // The list of extensions claims more than the hello has: its length is behind 9+34+1+4+2 bytes.
  far[50] = 0xff;
  assert.equal(extensions(far), { malformed: 'TLS: extensions beyond the hello' });
  const long = clientHello([extension(51, new Uint8Array(4)), serverName('a.example')]);
  long[54] = 0xff;
  assert.equal(extensions(long), { malformed: 'TLS: an extension beyond the others' });
  const name = clientHello([extension(0, Uint8Array.of(0, 20, 0, 0, 200, 97))]);
  assert.equal(extensions(name), { malformed: 'TLS: server_name cut off' });
});

test('what is no host name', () => {
  for (const name of ['a\u0000b.example', 'a b', '', 'ä', 'x'.repeat(254)]) {
    const read = decodeClientHello(clientHello([serverName(name)]));
    assert.ok('malformed' in read, name);
  }
});

test('mutated hellos end in an answer', () => {
  const base = clientHello([serverName('ui.skype.com'), extension(51, new Uint8Array(64))]);
  let seed = 7;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let i = 0; i < rounds(2000, 10000); i++) {
    const bytes = base.slice();
    for (let n = random(4); n >= 0; n--) bytes[random(bytes.length)] = random(256);
    const end = random(3) === 0 ? random(bytes.length + 1) : bytes.length;
    const read = decodeClientHello(bytes, 0, end);
    assert.ok('malformed' in read || 'more' in read || read.server === null || read.at < end);
  }
});

test.run();
