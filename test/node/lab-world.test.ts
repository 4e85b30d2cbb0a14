// The pure parts of the emulated world: addresses of the plan do not overlap, DNS messages and speech read back
// as written, equal seeds give equal numbers.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sight } from '../lab/verdict/sighting.ts';
import { ADVERSARY_SESSIONS, attackLines, GROUPS } from '../lab/world/adversary-list.ts';
import { chainAddress } from '../lab/world/chains.ts';
import {
  decodeAnswer,
  decodeQuery,
  encodeAnswer,
  encodeQuery,
  TYPE,
} from '../lab/world/dns-message.ts';
import { forgedAddress, forgedDatagram } from '../lab/world/forged.ts';
import { crowdOf, lie } from '../lab/world/liar.ts';
import { fastAddress, resolve, SESSION_NAMES } from '../lab/world/names.ts';
import {
  BANK_ADDRESS,
  BYSTANDERS,
  DEVICES,
  EVERY_DEVICE,
  freshAddress,
  GAME_SERVER,
  LOGIN_SERVERS,
  lonePeer,
  peerAddress,
  poolOf,
  SHARED_PEER_ADDRESS,
  SHOP_ADDRESS,
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

test('a name that only leads on says no address, and the end of every chain is the application', () => {
  const questions = [
    ['alias.skype.com', TYPE.A],
    ['twice.skype.com', TYPE.A],
    ['near.chain.example', TYPE.A],
    ['www.dname.skype.com', TYPE.A],
    ['_sip._tcp.skype.com', TYPE.SRV],
    ['svc.skype.com', TYPE.HTTPS],
    ['apex.skype.com', TYPE.HTTPS],
    ['naptr.skype.com', TYPE.NAPTR],
    ['_sips._tcp.chain.example', TYPE.SRV],
  ] as const;
  for (const [name, type] of questions) {
    const { records, rcode, additional } = resolve(name, type);
    const query = decodeQuery(encodeQuery(1, name, type, 1232))!;
    const answer = decodeAnswer(encodeAnswer(query, records, { udp: true }))!;
    assert.is(rcode, 0, name);
    assert.ok(records.length > 0, name);
    assert.equal(answer.addresses, [], name);
    assert.is(additional, undefined, name);
  }
  for (const end of ['edge', 'far', 'www.dname', 'sip', 'svc', 'apex', 'naptr']) {
    const name = `${end}.chain.example`;
    assert.equal(resolve(name, TYPE.A).records[0]!.value, chainAddress(name));
    assert.is(poolOf(chainAddress(name)), 'application');
  }
});

test('an SRV record has its target in the additional section of one answer', () => {
  const { records, additional } = resolve('_turn._udp.skype.com', TYPE.SRV);
  const query = decodeQuery(encodeQuery(1, '_turn._udp.skype.com', TYPE.SRV, 1232))!;
  const bytes = encodeAnswer(query, records, { udp: true, additional: additional! });
  assert.equal([...bytes.slice(6, 12)], [0, 1, 0, 0, 0, 1]);
  assert.equal(decodeAnswer(bytes)!.addresses, [chainAddress('turn.chain.example')]);
});

test('the liar answers what was not asked, and a question with an address of its choice', () => {
  const who = { verb: VERB.ask, device: 4, session: 241 };
  const unasked = (serial: number) => decodeAnswer(lie(encodeSpeech({ ...who, serial }, 28))!)!;
  assert.equal(unasked(0).addresses, [BANK_ADDRESS]);
  assert.is(unasked(0).names[0], 'login.skype.com');
  assert.equal(unasked(7).addresses, crowdOf(7));
  const asked = decodeAnswer(lie(encodeQuery(5, 'chosen.skype.com', TYPE.A))!)!;
  assert.equal([asked.id, ...asked.addresses], [5, SHOP_ADDRESS]);
  for (const address of [BANK_ADDRESS, SHOP_ADDRESS]) assert.is(poolOf(address), 'unrelated');
  const all = Array.from({ length: 75 }, (_, serial) => crowdOf(serial)).flat();
  assert.is(new Set(all).size, 4500);
  assert.ok(all.every((address) => poolOf(address) === 'other'));
});

test('names during a fault and peers never met have addresses of their own', () => {
  const seen = new Set<string>();
  for (let number = 0; number < 32_768; number += 1) seen.add(freshAddress(number));
  assert.is(seen.size, 32_768);
  assert.equal(resolve('fresh4711.skype.com', TYPE.A).records[0]!.value, freshAddress(4711));
  const strangers = new Set(
    EVERY_DEVICE.flatMap((_, device) =>
      Array.from({ length: 256 }, (__, session) => strangerAddress(device, session)),
    ),
  );
  for (let number = 0; number < 4096; number += 1) {
    const address = lonePeer(number);
    assert.is(poolOf(address), 'application');
    assert.is(strangers.has(address) || seen.has(address), false, address);
  }
});

test('a forged datagram is what it says, from an address of the home that no device has', () => {
  const [from, to] = [
    { address: forgedAddress(3), port: 1234 },
    { address: '64.4.23.140', port: 40_001 },
  ];
  const bytes = forgedDatagram(from, to, new Uint8Array(10));
  const seen = sight(1, bytes, 0, bytes.length)!;
  assert.equal(
    [seen.source, seen.sourcePort, seen.destination, seen.destinationPort, seen.length],
    [from.address, 1234, to.address, 40_001, 38],
  );
  const hosts = new Set(EVERY_DEVICE.map(({ host }) => `192.168.1.${host}`));
  for (let number = 0; number < 400; number += 1) {
    assert.is(hosts.has(forgedAddress(number)), false);
  }
});

test("the adversary's groups are played once, on devices of the plan, the neighbour last", () => {
  const lines = attackLines().split('\n');
  assert.is(lines.indexOf('-'), lines.length - 2);
  assert.match(lines.at(-1)!, /^neighbour 225 neighbour$/);
  const names = lines.filter((line) => line !== '-').flatMap((line) => line.split(' ').slice(2));
  assert.is(names.length, ADVERSARY_SESSIONS);
  assert.is(new Set(GROUPS.map(({ device }) => device)).size, GROUPS.length);
  for (const { device, first, cases } of GROUPS) {
    assert.ok(EVERY_DEVICE.some(({ name }) => name === device));
    assert.ok(first >= 200 && first + cases.length <= 256);
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
