// The pure parts of the emulated world: the plan's addresses do not overlap, the lab's DNS messages
// and speech read back as written, the same seed draws the same numbers.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  decodeAnswer,
  decodeQuery,
  encodeAnswer,
  encodeQuery,
  TYPE,
} from '../lab/world/dns-message.ts';
import { fastAddress, resolve, SESSION_NAMES } from '../lab/world/names.ts';
import {
  BYSTANDERS,
  DEVICES,
  GAME_SERVER,
  LOGIN_SERVERS,
  peerAddress,
  poolOf,
  SHARED_PEER_ADDRESS,
  SUPERNODES,
  strangerAddress,
  TORRENT_PEERS,
} from '../lab/world/plan.ts';
import { randomFrom, seedOf } from '../lab/world/random.ts';
import {
  decodeOpening,
  decodeSpeech,
  encodeOpening,
  encodeSpeech,
  type Opening,
  VERB,
} from '../lab/world/speech.ts';

test('at least 40 supernodes in nine /24s, each address once', () => {
  assert.ok(SUPERNODES.length >= 40);
  const nets = new Set(SUPERNODES.map((node) => node.address.replace(/\.\d+$/, '')));
  assert.is(nets.size, 9);
  assert.is(new Set(SUPERNODES.map((node) => node.address)).size, SUPERNODES.length);
  for (const { port } of SUPERNODES) {
    assert.ok(port === 33033 || (port >= 40001 && port <= 40047), String(port));
  }
});

test('every session has peers of its own, all of them addresses of the application', () => {
  const seen = new Set<string>();
  for (let device = 0; device < 6; device += 1) {
    for (let session = 0; session < 256; session += 1) {
      for (const address of [
        peerAddress(device, session, 'out'),
        peerAddress(device, session, 'in'),
        strangerAddress(device, session),
      ]) {
        assert.is(seen.has(address), false, address);
        assert.is(poolOf(address), 'application');
        seen.add(address);
      }
    }
  }
});

test('pools are disjoint', () => {
  for (const { address } of [...TORRENT_PEERS, ...BYSTANDERS, GAME_SERVER]) {
    assert.is(poolOf(address), 'unrelated');
  }
  for (const { address } of [...SUPERNODES, ...LOGIN_SERVERS]) {
    assert.is(poolOf(address), 'application');
  }
  assert.is(poolOf(SHARED_PEER_ADDRESS), 'shared');
  assert.is(poolOf(fastAddress(3)), 'application');
  assert.is(DEVICES.length, 5);
});

test('a question keeps its letter case, an answer its chain', () => {
  const query = decodeQuery(encodeQuery(7, 'A.Config.SKYPE.com', TYPE.A, 4096))!;
  assert.is(query.name, 'A.Config.SKYPE.com');
  assert.is(query.udpSize, 4096);
  const { records } = resolve(query.name, query.type);
  const answer = decodeAnswer(encodeAnswer(query, records, { udp: true }))!;
  assert.equal(answer.addresses, ['23.96.10.14']);
  assert.ok(answer.names.includes('a.config.skype.trafficmanager.net'));
});

test('60 addresses are cut without EDNS, whole with it', () => {
  const { records } = resolve('crowd.skype.com', TYPE.A);
  const cut = decodeQuery(encodeQuery(1, 'crowd.skype.com', TYPE.A))!;
  assert.is(decodeAnswer(encodeAnswer(cut, records, { udp: true }))!.truncated, true);
  const whole = decodeQuery(encodeQuery(1, 'crowd.skype.com', TYPE.A, 1232))!;
  assert.is(decodeAnswer(encodeAnswer(whole, records, { udp: true }))!.addresses.length, 60);
});

test('every name of a session resolves to an address of the application', () => {
  const names = [...SESSION_NAMES, ...Array.from({ length: 18 }, (_, i) => `dsn${i}.d.skype.net`)];
  for (const name of names) {
    const { records, rcode } = resolve(name, TYPE.A);
    assert.is(rcode, 0, name);
    assert.is(poolOf(String(records.at(-1)!.value)), 'application', name);
  }
  assert.is(resolve('dsn18.d.skype.net', TYPE.A).rcode, 3);
  const shop = resolve('www.shop3.example', TYPE.A).records[0]!.value;
  assert.is(poolOf(String(shop)), 'unrelated');
});

test('speech reads back as written, in every opening', () => {
  const speech = {
    verb: VERB.callIn,
    device: 3,
    session: 17,
    size: 70,
    delay: 20,
    port: 40,
    serial: 9,
  };
  const heard = decodeSpeech(encodeSpeech({ ...speech, address: '1.2.3.4' }, 33))!;
  assert.equal({ ...heard, quantity: 0 }, { ...speech, address: '1.2.3.4', quantity: 0 });
  for (const opening of ['plain', 'tls', 'login', 'hello443'] as Opening[]) {
    const bytes = encodeOpening(opening, speech);
    const read = decodeOpening(bytes)!;
    assert.is(read.opening, opening);
    assert.is(read.heard.session, 17);
    assert.is(read.used, bytes.length);
    assert.is(decodeOpening(bytes.slice(0, -1)), undefined);
  }
  assert.is(encodeOpening('hello443', speech).length, 72);
});

test('a message is filled with a run of bytes that its id begins, whatever its length', () => {
  for (const id of [0, 77, 0x4d2a, 65_535]) {
    for (const length of [18, 19, 274, 275, 1400]) {
      const filled = encodeSpeech({ verb: VERB.media, device: 1, session: 2 }, length, id).slice(
        18,
      );
      assert.equal(
        [...filled],
        Array.from(filled, (_, i) => ((18 + i) * 37 + id) & 0xff),
      );
    }
  }
});

test('the same seed draws the same numbers', () => {
  const draw = (seed: number): number[] => {
    const random = randomFrom(seed);
    return Array.from({ length: 5 }, () => random.between(0, 1000));
  };
  assert.equal(draw(seedOf('7/iphone')), draw(seedOf('7/iphone')));
  assert.not.equal(draw(seedOf('7/iphone')), draw(seedOf('7/xbox')));
});

test.run();
