// policy: apps without a profile, known by the owner's rules alone. Each kind of rule is compiled, and packets
// are traced through the table.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildPolicy } from '../../../agent/src/policy/build.ts';
import type { Policy } from '../../../agent/src/policy/policy.ts';
import { blankProfile } from '../../../agent/src/profile/blank.ts';
import { matchText } from '../../../agent/src/profile/name-match.ts';
import { parseProfile } from '../../../agent/src/profile/parse.ts';
import type { Profile } from '../../../agent/src/profile/profile.ts';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import { createKernel } from '../../../agent/src/ruleset/trace/fake-kernel.ts';
import { trace } from '../../../agent/src/ruleset/trace/trace.ts';
import { createState } from '../../../agent/src/step/state.ts';
import { parseUci } from '../../../agent/src/syntax/uci.ts';
import { tcp, udp } from '../../fixtures/packets.ts';
import { profileJson } from '../../fixtures/profile.ts';
import { CLOUD } from '../../fixtures/uci.ts';

const profiles = new Map([['skype', profileJson as unknown as Profile]]);
const FAR = '198.51.100.9';
const FAR6 = '2001:db8:7::9';
const TV = '192.168.1.50';
const TV6 = 'fd00:1::50';

/** An app without an option profile. */
function app(name: string, more = ''): string {
  return `config app '${name}'\n\tlist proxy 'cloud'\n${more}`;
}

/** A proxy rule of `name`. */
function rule(name: string, more: string): string {
  return `config rule\n\toption action 'proxy'\n\toption app '${name}'\n${more}`;
}

function build(text: string) {
  const uci = parseUci(CLOUD + text, 'whp');
  if (!uci.ok) throw new Error(uci.problems[0]!.what);
  return buildPolicy({ uci: uci.value, profiles });
}

function built(text: string): Policy {
  const result = build(text);
  if (!result.ok) throw new Error(result.problems.map(({ what }) => what).join('\n'));
  return result.value;
}

function problems(text: string): string[] {
  const result = build(text);
  return result.ok ? [] : result.problems.map(({ where, what }) => `${where}: ${what}`);
}

/** "SLOT" of the tunnel that each new flow of `packets` takes, or "direct". */
function ways(policy: Policy, packets: readonly Uint8Array[]): string[] {
  const kernel = createKernel(compile(policy));
  return packets.map((bytes) => {
    const packet = { bytes, iif: 'br-lan', oif: 'wan', hooks: 'forward' as const };
    const { route, mark } = trace(kernel, packet, 1000);
    return route === 'tunnel' ? String((mark >>> 24) & 15) : route;
  });
}

let port = 40_000;
const u = (dst: string, dport: number, src = dst.includes(':') ? 'fd00:1::10' : '192.168.1.10') =>
  udp({ src, dst, sport: port++, dport });
const t = (dst: string, dport: number, src = dst.includes(':') ? 'fd00:1::10' : '192.168.1.10') =>
  tcp({ src, dst, sport: port++, dport }, 'S');

test('a name rule: the app has this name and all below it, and no other', () => {
  const policy = built(app('echo') + rule('echo', "\tlist name 'echo.example.com'\n"));
  const [echo] = policy.apps;
  assert.is(echo!.noProfile, true);
  assert.is(echo!.slot, 1);
  const { matcher } = createState(policy, () => false).observer;
  const whose = (name: string) => matchText(matcher, name).map((one) => one.app);
  assert.equal(whose('echo.example.com'), ['echo']);
  assert.equal(whose('a.b.echo.example.com'), ['echo']);
  assert.equal(whose('example.com'), []);
  assert.equal(whose('api.skype.com'), []);
  assert.equal(ways(policy, [u(FAR, 443), t(FAR, 443)]), ['direct', 'direct']);
});

test('an address rule, of both families: every port there, and nothing beside it', () => {
  const policy = built(
    app('echo') +
      rule('echo', "\tlist address '198.51.100.0/28'\n\tlist address '2001:db8:7::/64'\n"),
  );
  const packets = [u(FAR, 53000), t(FAR, 22), u(FAR6, 53000), t(FAR6, 22)];
  assert.equal(ways(policy, packets), ['1', '1', '1', '1']);
  const beside = [u('198.51.100.16', 53000), t('2001:db8:7:1::9', 22)];
  assert.equal(ways(policy, beside), ['direct', 'direct']);
});

test('a port rule: this port everywhere over its protocol, no other port, nothing of the home', () => {
  const lines = "\tlist port '3074'\n\tlist port '5000-5010'\n\toption protocol 'udp'\n";
  const policy = built(app('echo') + rule('echo', lines));
  const packets = [u(FAR, 3074), u(FAR6, 5004), t(FAR, 3074), u(FAR, 3075), u('10.9.9.9', 3074)];
  assert.equal(ways(policy, packets), ['1', '1', 'direct', 'direct', 'direct']);
});

test('everything of some devices: a rule of all addresses, an app with a device list', () => {
  const all = "\tlist address '0.0.0.0/0'\n\tlist address '::/0'\n";
  const policy = built(
    app('tv', `\tlist device '${TV}'\n\tlist device '${TV6}'\n`) + rule('tv', all),
  );
  const packets = [u(FAR, 1, TV), t(FAR6, 2, TV6), u(FAR, 1), t(FAR6, 2)];
  assert.equal(ways(policy, packets), ['1', '1', 'direct', 'direct']);
});

test('a block is refused only where no part of it is public', () => {
  const text = (block: string) => app('echo') + rule('echo', `\tlist address '${block}'\n`);
  const some =
    '0.0.0.0/1 128.0.0.0/1 192.0.0.0/2 0.0.0.0/2 192.0.0.0/8 10.0.0.0/7 172.16.0.0/11 ::/1 2001:20::/27';
  for (const block of some.split(' ')) assert.equal(problems(text(block)), [], block);
  const none =
    '0.0.0.0/8 10.0.0.0/8 10.1.0.0/16 172.16.0.0/12 100.64.0.0/10 169.254.0.0/16 224.0.0.0/3 192.0.0.9 8000::/1 4000::/2 fd00::/8 2001:20::/28';
  for (const block of none.split(' '))
    assert.match(problems(text(block)).join(), 'is no part of the public Internet', block);
});

test('the two halves of the Internet are all of it', () => {
  const halves = "\tlist address '0.0.0.0/1'\n\tlist address '128.0.0.0/1'\n";
  const policy = built(app('echo') + rule('echo', halves));
  assert.equal(ways(policy, [u(FAR, 1), u('9.9.9.9', 1), u('10.9.9.9', 1)]), ['1', '1', 'direct']);
});

test('two apps of rules alone, and an app with a profile and a rule', () => {
  const policy = built(
    app('echo') +
      rule('echo', "\tlist address '198.51.100.9'\n") +
      app('game') +
      rule('game', "\tlist port '3074'\n") +
      app('skype') +
      rule('skype', "\tlist name 'calls.example.com'\n"),
  );
  assert.equal(
    policy.apps.map(({ name, noProfile, slot }) => [name, noProfile ?? false, slot]),
    [
      ['echo', true, 1],
      ['game', true, 2],
      ['skype', false, 3],
    ],
  );
  const [, , skype] = policy.apps;
  assert.is(skype!.profile.version, profileJson.version);
  assert.is(skype!.profile.dns.suffixes.at(-1)!.value, 'calls.example.com');
  const packets = [u(FAR, 3074), u('203.0.113.99', 3074), u('203.0.113.99', 3075)];
  // The first app of the file has what both have.
  assert.equal(ways(policy, packets), ['1', '2', 'direct']);
});

test('a direct rule keeps out what a proxy rule names', () => {
  const policy = built(
    app('echo') +
      rule('echo', "\tlist address '198.51.100.0/24'\n") +
      "config rule\n\toption action 'direct'\n\tlist address '198.51.100.9'\n",
  );
  assert.equal(ways(policy, [u(FAR, 1), u('198.51.100.10', 1)]), ['direct', '1']);
});

test('nothing but its rules: no port, no peer, no window, no session', () => {
  const policy = built(app('echo') + rule('echo', "\tlist name 'echo.example.com'\n"));
  const chains = compile(policy).chains.map(({ name }) => name);
  assert.equal(
    chains.filter((name) => /request|_open|session|stun|_mapping|echo_peer[46]$/.test(name)),
    [],
  );
});

test('an app without a profile and without a rule: what is missing, and the commands', () => {
  const fix =
    "uci set whp.echo_rule=rule; uci set whp.echo_rule.action='proxy'; uci set whp.echo_rule.app='echo'; uci add_list whp.echo_rule.name='echo.example.com'; uci commit whp; whp reload";
  const what = `nothing says what belongs to it: no profile "echo" is installed (known: skype), and no rule with action proxy has app echo; ${fix}`;
  assert.equal(problems(app('echo')), [`whp.echo (whp:5): ${what}`]);
  // Rules of another app, and direct rules, say nothing of it.
  const others = `${app('skype')}${rule('skype', "\tlist name 'a.example.com'\n")}config rule\n\toption action 'direct'\n\toption app 'echo'\n\tlist name 'b.example.com'\n`;
  assert.equal(problems(app('echo') + others), [`whp.echo (whp:5): ${what}`]);
});

test('an app whose only rule is disabled: the command enables it', () => {
  const off =
    "config rule 'more'\n\toption enabled '0'\n\toption action 'proxy'\n\toption app 'echo'\n\tlist name 'echo.example.com'\n";
  assert.equal(problems(app('echo') + off), [
    "whp.echo (whp:5): nothing says what belongs to it: its rule more is disabled; uci set whp.more.enabled='1'; uci commit whp; whp reload",
  ]);
  const anonymous = off.replace(" 'more'", '');
  assert.match(problems(app('echo') + anonymous)[0]!, "uci set whp.@rule[0].enabled='1'");
  assert.equal(problems(app('echo', "\toption enabled '0'\n") + off), []);
});

test('a disabled app without a profile and a rule is no problem', () => {
  assert.equal(problems(app('echo', "\toption enabled '0'\n")), []);
});

test('a profile that is named and missing stays a problem, with and without rules', () => {
  const named = app('echo', "\toption profile 'ecko'\n");
  const what =
    'whp.echo.profile (whp:7): there is no profile "ecko"; known: skype; your own go to /etc/whp/profiles.d; without option profile the rules of the app say what belongs to it';
  assert.equal(problems(named), [what]);
  assert.equal(problems(named + rule('echo', "\tlist name 'a.example.com'\n")), [what]);
});

test('a problem of its only rule is reported once, for the rule', () => {
  assert.equal(problems(app('echo') + rule('echo', "\tlist name 'com'\n")), [
    'whp.@rule[0].name (whp:10): "com" has one label; write at least two, as in skype.com',
  ]);
});

test('the profile that stands for none is one that a file could have', () => {
  const { version, ...rest } = blankProfile('echo');
  assert.is(version, '');
  const read = parseProfile(JSON.stringify({ ...rest, version: '2026-11-29' }), 'x');
  assert.ok(read.ok, JSON.stringify(read));
});

test.run();
