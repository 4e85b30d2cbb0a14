// Rules of other packages that refuse what the home sends to the WAN, as fw4 and banIP write them: they do not hold
// for a proxied flow, which leaves by another device. docs/package.md says so, and what to write instead.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { config, type Home, OTHER, PEER, startHome, until } from '../fixtures/netns-home.ts';

let home: Home;
const ALONE = `${config({}).split("config app 'skype'")[0]}config app 'echo'
  list proxy 'a'
config rule
  option action 'proxy'
  option app 'echo'
  list address '${OTHER}'
`;
test.before(async () => {
  home = await startHome(`whp-neigh-${process.pid}`);
  await home.startAgent(ALONE);
});
test.after(() => home.stop());

/** Who answers a new connection: a far end, or the errno of the refusal. */
async function way(to: string): Promise<string> {
  const talk = home.connect(to, 'x');
  const { word } = await until(talk, (one) => one.word !== 'connected');
  talk.stop();
  return word;
}

const REFUSED = /^E(?:HOSTUNREACH|CONNREFUSED|ACCES|PERM)/;

/** A traffic rule of fw4 from lan; `refuse`: what its chain does. */
function fw4(refuse: string): string {
  return `table inet fw4 {
  chain forward { type filter hook forward priority filter; policy accept; iifname "br-lan" jump forward_lan; }
  chain forward_lan { ether saddr != 00:00:00:00:00:00 counter ${refuse} comment "!fw4: not at night"; }
  chain reject_to_wan { oifname "wan" counter goto handle_reject comment "!fw4: reject wan IPv4/IPv6 traffic"; }
  chain reject_to_whp { oifname "whp-*" counter goto handle_reject comment "!fw4: reject whp IPv4/IPv6 traffic"; }
  chain handle_reject { reject comment "!fw4: Reject any other traffic"; }
}`;
}

const BANIP = `table inet banIP {
  set turris.v4 { type ipv4_addr; flags interval; auto-merge; elements = { ${OTHER}, ${PEER} }; }
  chain lan-forward { type filter hook forward priority -100; policy accept;
    oifname != { "wan" } counter accept
    ct state established,related counter accept
    counter jump _outbound
  }
  chain _outbound { ip daddr @turris.v4 counter goto _reject; }
  chain _reject { reject with icmpx host-unreachable; }
}`;

test('banIP: its outbound lists do not hold in the tunnel', async () => {
  home.run('router', 'nft', BANIP);
  assert.match(await way(PEER), REFUSED);
  assert.is(await way(OTHER), 'proxya');
  home.run('router', 'nft', 'delete table inet banIP');
});

test('fw4: a rule to zone wan does not hold in the tunnel, one to any zone or to zone whp does', async () => {
  home.run('router', 'nft', fw4('jump reject_to_wan'));
  assert.match(await way(PEER), REFUSED);
  assert.is(await way(OTHER), 'proxya');
  for (const whole of [fw4('jump handle_reject'), fw4('jump reject_to_whp')]) {
    home.run('router', 'nft', 'delete table inet fw4');
    home.run('router', 'nft', whole);
    assert.match(await way(OTHER), REFUSED);
  }
  home.run('router', 'nft', 'delete table inet fw4');
});

test.run();
