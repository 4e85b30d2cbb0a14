// answers/test, test-call, test-looks: what each measurement means, and the sentence at the end. A line that is wrong
// always says what to do.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { NowAnswer } from '../../../agent/src/answers/now.ts';
import type { StatusAnswer } from '../../../agent/src/answers/status.ts';
import {
  bypassLines,
  exitLine,
  heldLine,
  homeLine,
  mtuLine,
  sizesBetween,
  speedLine,
  split,
  tunnelLine,
} from '../../../agent/src/answers/test.ts';
import { type CallSeen, callLines, unreadLines } from '../../../agent/src/answers/test-call.ts';
import { lookLines, masqueradeLines, partLines } from '../../../agent/src/answers/test-looks.ts';
import { testLineText } from '../../../agent/src/cli/text-test.ts';
import type { KernelPart } from '../../../agent/src/policy/missing-parts.ts';
import { parseUci } from '../../../agent/src/syntax/uci.ts';
import { type app, policy, policyFrom, proxy } from '../../fixtures/policies.ts';

const OWN = '203.0.113.9';
const LOST = Array<null>(10).fill(null);

test('the home address: public, carrier-grade NAT, another router, no route', () => {
  assert.is(homeLine(OWN).state, 'ok');
  for (const [own, why] of [
    ['100.64.0.1', 'carrier-grade NAT'],
    ['100.127.255.254', 'carrier-grade NAT'],
    ['192.168.178.20', 'another router'],
    ['10.0.0.2', 'another router'],
  ] as const) {
    const { state, text, fix } = homeLine(own);
    assert.is(state, 'note', own);
    assert.match(text, why, own);
    assert.match(fix!, 'public IPv4');
  }
  // Outside of 100.64.0.0/10.
  for (const own of ['100.63.255.255', '100.128.0.1']) assert.is(homeLine(own).state, 'ok', own);
  assert.is(homeLine(null).state, 'wrong');
});

test('a tunnel: round trips, losses, silence with its likely reason, no device', () => {
  const good = tunnelLine(proxy, [20, 31, 21, null, 23], OWN);
  assert.is(good.state, 'ok');
  assert.is(good.text, 'out and back in 23 ms (20 to 31), 1 of 5 probes lost');
  assert.is(tunnelLine(proxy, [20, null, null, 21], OWN).state, 'note');
  assert.match(tunnelLine(proxy, LOST, OWN).text, /another home address than 203\.0\.113\.9$/);
  assert.match(tunnelLine(proxy, LOST, '100.64.0.1').text, /GRE does not pass the NAT/);
  assert.match(tunnelLine(proxy, LOST, '100.64.0.1').fix!, 'provider');
  const missing = tunnelLine(proxy, 'it is missing', OWN);
  assert.is(missing.state, 'wrong');
  assert.match(missing.text, 'whp-a cannot be used: it is missing');
});

test('the largest packet: the command has the size, if the configuration takes it', () => {
  assert.is(mtuLine('a', 1472, 1472).state, 'ok');
  assert.is(mtuLine('a', 1472, 1440).fix, "uci set whp.a.mtu='1440'; uci commit whp; whp reload");
  for (const passed of [0, 1279])
    assert.not.match(mtuLine('a', 1472, passed).fix!, 'uci', `${passed}`);
});

test('sizes between: below what fails, above what passes, at last none', () => {
  let [passes, fails] = [500, 1473];
  const limit = 1337;
  for (let rounds = 0; ; rounds++) {
    const sizes = sizesBetween(passes, fails);
    if (sizes.length === 0) break;
    assert.ok(sizes.every((one) => one > passes && one < fails) && sizes.length <= 16);
    passes = Math.max(passes, ...sizes.filter((one) => one <= limit));
    fails = Math.min(fails, ...sizes.filter((one) => one > limit));
    assert.ok(rounds < 4);
  }
  assert.is(passes, limit);
});

test('throughput: a rate, and the losses', () => {
  const { text, state, bytes } = speedLine('a', 1400, { sent: 480, replies: 450, lost: 2 });
  assert.is(text, 'at least 5.0 Mbit/s each way, by ICMP echoes for a second; 2 of 480 lost');
  assert.is(state, 'ok');
  assert.is(bytes, 450 * 1400);
  assert.is(speedLine('a', 1400, { sent: 40, replies: 5, lost: 30 }).state, 'note');
});

test('the address that the world sees: the proxy, another, the own, none', () => {
  assert.is(exitLine(proxy, '192.0.2.53', proxy.address, OWN).state, 'ok');
  assert.match(
    exitLine(proxy, '192.0.2.53', '203.0.113.77', OWN).text,
    'though its tunnel goes to',
  );
  const own = exitLine(proxy, '192.0.2.53', OWN, OWN);
  assert.is(own.state, 'wrong');
  assert.match(own.fix!, 'whp-proxy status');
  assert.is(exitLine(proxy, '192.0.2.53', null, OWN).state, 'note');
});

test('DNS held: only if the queue took every probe, and every probe left', () => {
  const held = { dns_answers: 'held', hold_wanted: true } as const;
  const of = (times: readonly (number | null)[] | string, queued: number | null) =>
    heldLine(held, { times, queued });
  assert.is(of([1, 2, 2.6], 3).state, 'ok');
  assert.match(of([1, 2, 2.6], 3).text, '3 ms at most');
  // Others asked meanwhile.
  assert.is(of([1, 2, 3], 12).state, 'ok');
  assert.is(of([0.1, 0.1, 0.1], 2).state, 'wrong');
  assert.is(of([0.1, 0.1, 0.1], null).state, 'wrong');
  assert.is(of([1, null, 3], 3).state, 'wrong');
  assert.is(of('nothing is connected to br-lan', null).state, 'note');
  const none = { times: '', queued: null };
  assert.is(heldLine({ dns_answers: 'watched', hold_wanted: true }, none).state, 'wrong');
  assert.is(heldLine({ dns_answers: 'watched', hold_wanted: false }, none).state, 'note');
  assert.is(heldLine({ dns_answers: 'none', hold_wanted: true }, none).state, 'note');
});

test('devices that ask others: each with its commands', () => {
  assert.is(bypassLines([])[0]!.state, 'ok');
  const [one] = bypassLines([{ device: null, address: '192.168.1.11', how: ['dns', 'dot'] }]);
  assert.is(one!.fix, "uci set whp.globals.dns_reject_dot='1'; uci commit whp; whp reload");
  assert.match(
    one!.text,
    /^192\.168\.1\.11 asks other resolvers \(DNS, DoT or DoQ\): names are not/,
  );
  // Plain DNS is read as it passes.
  const [plain] = bypassLines([{ device: 'tv', address: '192.168.1.11', how: ['dns'] }]);
  assert.match(plain!.text, /^tv .* are read as they pass$/);
  assert.is(plain!.fix, undefined);
});

const PROXIED = {
  state: 'proxied',
  proxy: 'a',
  cause: null,
  reason: null,
  fix: null,
  partly: false,
  left_s: null,
} as const;

function call(
  now: NowAnswer | null,
  change: Partial<CallSeen> = {},
  ear: StatusAnswer['dns_answers'] = 'held',
) {
  const apps = [{ app: 'skype', new_connections: now ?? PROXIED }] as unknown as NonNullable<
    CallSeen['status']
  >['apps'];
  const seen: CallSeen = {
    policy,
    status: { apps, dns_answers: ear },
    hosts: [
      { mac: '02:00:00:00:00:10', address: '192.168.1.10', name: null },
      { mac: '02:00:00:00:00:11', address: '192.168.1.11', name: 'tv' },
    ],
    own: OWN,
    exits: new Map([['a', '198.51.100.7']]),
    wrong: [],
    nothing: '',
    ...change,
  };
  return callLines(seen)[0]!;
}

test('the sentence: proxied, with a fault, refused, direct, paused, silent, not loaded, no agent', () => {
  const good = call(null);
  assert.is(good.state, 'ok');
  assert.is(
    good.text,
    'a call from tv would leave by 198.51.100.7; your own address 203.0.113.9 would not be seen',
  );
  const none = { proxy: null, fix: null, partly: false, left_s: null };
  for (const [line, words] of [
    [call(null, { wrong: ['firewall'] }), 'if not for: firewall'],
    [
      call({ ...none, state: 'refused', cause: 'fallback', reason: 'no proxy is up' }),
      'would be REFUSED: no proxy',
    ],
    [
      call({
        ...none,
        state: 'direct',
        cause: 'paused',
        reason: 'it is paused',
        fix: 'whp resume skype',
      }),
      'would leave by your own address 203.0.113.9, DIRECT: it is paused',
    ],
    [
      call({
        ...none,
        state: 'proxied',
        proxy: 'a',
        cause: 'lan',
        reason: 'lan1 is a port',
        partly: true,
      }),
      'would leave by 198.51.100.7; your own address 203.0.113.9 would not be seen, but not all of them: lan1 is a port',
    ],
    [call(null, { exits: new Map() }), 'the tunnel a, which does not answer'],
    [call(null, { status: { apps: [], dns_answers: 'held' } }), 'has not loaded the app'],
    [call(null, { status: null }), 'no agent runs'],
  ] as const) {
    assert.is(line.state, 'wrong', words);
    assert.match(line.text, words);
    assert.type(line.fix, 'string', words);
  }
  assert.is(
    call({
      ...none,
      state: 'direct',
      cause: 'paused',
      reason: 'it is paused',
      fix: 'whp resume skype',
    }).fix,
    'whp resume skype',
  );
});

test('answers that are not held: a first packet may show the address, which is no fault of the router', () => {
  for (const [ear, state, said] of [
    ['held', 'ok', false],
    ['filled', 'ok', false],
    ['none', 'ok', false],
    ['watched', 'note', true],
    ['unseen', 'note', true],
  ] as const) {
    const told = call(null, {}, ear);
    assert.is(told.state, state, ear);
    assert.is(told.text.includes('but by a first packet: DNS answers are not held'), said, ear);
  }
});

test('the sentence never names a private address as the own one', () => {
  assert.match(call(null, { own: '100.64.0.1' }).text, /your own address would not be seen$/);
  assert.match(call(null, { own: null }).text, /your own address would not be seen$/);
});

test('the device is one that the app applies to', () => {
  const from = (change: Partial<typeof app>): string => {
    const { text } = call(null, { policy: policyFrom({ app: change }) });
    return /^a call from (.*?) would/.exec(text)![1]!;
  };
  assert.is(from({}), 'tv');
  assert.is(from({ devices: ['192.168.1.11'] }), 'tv');
  assert.is(from({ macs: ['02:00:00:00:00:11'] }), 'tv');
  assert.is(from({ devices: ['192.168.1.12'] }), 'a device at home');
  assert.is(from({ macs: [] }), 'a device at home');
});

test('without an app: why, what to type, and whether the tunnel works', () => {
  const nothing =
    "valid, but nothing is proxied: app skype is disabled; uci set whp.skype.enabled='1'; uci commit whp; whp reload";
  const { state, text, fix } = call(null, { policy: { ...policy, apps: [] }, nothing });
  assert.is(state, 'wrong');
  assert.match(text, 'though the tunnel to 198.51.100.7 works: nothing is proxied: app skype is');
  assert.is(fix, "uci set whp.skype.enabled='1'; uci commit whp; whp reload");
  const dead = { policy: { ...policy, apps: [] }, nothing, exits: new Map() };
  assert.not.match(call(null, dead).text, 'works');
});

test('while the file on disk cannot be read: what the agent does with a call by the last good one', () => {
  const of = (change: object) =>
    unreadLines({
      apps: [{ app: 'skype', new_connections: { ...PROXIED, ...change } } as never],
    })[0]!;
  assert.equal([of({}).state, of({}).fix], ['note', 'whp check']);
  assert.match(of({}).text, 'into the tunnel a, which was not tried; the last good configuration');
  const reason = 'no proxy is up (fallback block)';
  const refused = of({ state: 'refused', proxy: null, reason });
  assert.equal([refused.state, /REFUSED: no proxy is up/.test(refused.text)], ['wrong', true]);
  assert.match(of({ state: 'direct', proxy: null, reason }).text, /your own address, DIRECT: no/);
  assert.equal(unreadLines(null), []);
});

test('the commands at the end of a problem are its fix', () => {
  const fixOf = (sentence: string) => split('x', 'wrong', sentence).fix;
  assert.is(fixOf('a: b; uci set x.y=1; uci commit x'), 'uci set x.y=1; uci commit x');
  assert.is(fixOf('to switch it off: uci set x.y=0'), 'uci set x.y=0');
  assert.is(
    fixOf('it is gone; /usr/share/whp/firewall.sh install'),
    '/usr/share/whp/firewall.sh install',
  );
  assert.is(fixOf('it is gone; see docs/uci.md'), undefined);
  assert.is(fixOf('whp: none; whpx'), undefined);
});

test('looks: some are said when right too, those with lines of their own never', () => {
  const look = { seen: 'br-lan; more', problems: [], notes: [] };
  assert.is(lookLines({ ...look, subject: 'lan devices' })[0]!.text, 'br-lan');
  assert.equal(lookLines({ ...look, subject: 'clock' }), []);
  const notes = [{ where: 'clock', what: 'is behind' }];
  assert.is(lookLines({ ...look, subject: 'clock', notes })[0]!.state, 'note');
  const problems = [{ where: 'kmod-gre', what: 'is missing' }];
  assert.equal(lookLines({ ...look, subject: 'kernel modules', problems }), []);
});

test('kernel modules: GRE is there if a tunnel answered; asked for without an app too', () => {
  const lacking = new Map<KernelPart, string>([['gre', 'not supported']]);
  const [missing] = partLines({ ...policy, apps: [] }, { lacking, installer: 'opkg' }, false);
  assert.is(missing!.fix, 'opkg update; opkg install kmod-gre; /etc/init.d/whp restart');
  assert.is(partLines(policy, { lacking, installer: null }, true)[0]!.state, 'ok');
  const others = new Map<KernelPart, string>([['connections', 'nobody answers']]);
  assert.is(partLines(policy, { lacking: others, installer: null }, true)[0]!.state, 'wrong');
});

test('masquerade: by the zone that holds the tunnel', () => {
  const of = (text: string) => {
    const uci = parseUci(text, 'firewall');
    return uci.ok ? masqueradeLines(uci.value, ['whp-a'])[0]! : assert.unreachable()!;
  };
  const lan = "config zone\n\tlist network 'lan'\n\toption masq '1'\n";
  const zone = `${lan}config zone 'whp'\n\tlist device 'whp-+'\n`;
  assert.is(of(`${zone}\toption masq '1'\n`).state, 'ok');
  assert.is(of(zone).fix, "uci set firewall.whp.masq='1'; uci commit firewall; fw4 reload");
  assert.match(of(lan).fix!, 'firewall.sh install');
  const unnamed = "config zone\n\toption device 'eth9 whp-a'\n\toption masq '0'\n";
  assert.match(of(lan + unnamed).fix!, 'firewall.@zone[1].masq');
  const wan = `${lan}config zone 'w'\n\toption name 'wan'\n\tlist device 'whp-+'\n\toption masq '1'\n`;
  assert.match(
    of(wan).text,
    'firewall.w, for whp-a: your zone wan, so its rules and port forwards',
  );
  assert.not.match(of(`${zone}\toption masq '1'\n`).text, 'your zone wan');
  const unread = masqueradeLines(null, ['whp-a', 'whp-b']);
  assert.equal(
    unread.map(({ state }) => state),
    ['note'],
  );
});

test('as text: 80 columns, the command unbroken below it; as JSON one object', () => {
  const fix = `uci set ${'x'.repeat(90)}`;
  const one = {
    subject: 'tunnel cloud',
    state: 'wrong',
    text: 'word '.repeat(40).trim(),
    fix,
  } as const;
  const rows = testLineText(one, false).split('\n');
  assert.ok(rows[0]!.startsWith('!   tunnel cloud: word'));
  assert.ok(rows.slice(0, -2).every((row) => row.length <= 80));
  assert.is(rows.at(-2), `    ${fix}`);
  assert.equal(JSON.parse(testLineText(one, true)), one);
  assert.is(testLineText(one, true).split('\n').length, 2);
});

test.run();
