// preflight/dhcp-dns and listeners: what the router's files configure about resolvers, in the forms of owners,
// LuCI and dnsmasq's manual.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type DhcpDns, readDhcpDns, unreadDhcp } from '../../../agent/src/preflight/dhcp-dns.ts';
import { readListeners } from '../../../agent/src/preflight/listeners.ts';

function read(text: string): DhcpDns {
  const found = readDhcpDns(text);
  assert.ok(found.ok, JSON.stringify(found));
  return (found as { value: DhcpDns }).value;
}

function addresses(text: string): string[] {
  return read(text).announced.map(({ address }) => address);
}

test('DHCP options that name resolvers, and those that do not', () => {
  const forms: [string, string[]][] = [
    ['6,192.168.1.5', ['192.168.1.5']],
    ['6,192.168.1.5,192.168.1.6', ['192.168.1.5', '192.168.1.6']],
    ['option:dns-server,192.168.1.5', ['192.168.1.5']],
    ['tag:kids,6,192.168.1.5', ['192.168.1.5']],
    ['tag:kids,tag:!tv,option:dns-server, 192.168.1.5', ['192.168.1.5']],
    ['option6:dns-server,[fd00::5]', ['fd00::5']],
    ['option6:23,[FD00::5],[::]', ['fd00::5']],
    ['6,0.0.0.0', []],
    ['3,192.168.1.254', []],
    ['66,192.168.1.5', []],
    ['option:ntp-server,192.168.1.5', []],
    ['option6:56,[fd00::5]', []],
    ['6', []],
    ['6,pi.hole', []],
    ['', []],
  ];
  for (const [value, wanted] of forms) {
    const text = `config dhcp 'lan'\n\tlist dhcp_option '${value}'\n`;
    assert.equal(addresses(text), wanted, value);
    assert.equal(addresses(text.replace('dhcp_option', 'dhcp_option_force')), wanted, value);
  }
});

test('each with its place and what takes it out, whatever kind of section has it', () => {
  const { announced } = read(`config dnsmasq
	list dhcp_option '6,192.168.1.5'

config tag 'kids'
	option dhcp_option '6,192.168.1.6'

config dhcp
	list dns 'fd00::5 192.168.1.7'

config host
	list dns '192.168.1.8'
`);
  assert.equal(
    announced.map(({ where, remove, program }) => `${where} ${remove} ${program}`),
    [
      "dhcp.@dnsmasq[0].dhcp_option (/etc/config/dhcp:2) uci del_list dhcp.@dnsmasq[0].dhcp_option='6,192.168.1.5' dnsmasq",
      'dhcp.kids.dhcp_option (/etc/config/dhcp:5) uci delete dhcp.kids.dhcp_option dnsmasq',
      "dhcp.@dhcp[0].dns (/etc/config/dhcp:8) uci del_list dhcp.@dhcp[0].dns='fd00::5 192.168.1.7' odhcpd",
      "dhcp.@dhcp[0].dns (/etc/config/dhcp:8) uci del_list dhcp.@dhcp[0].dns='fd00::5 192.168.1.7' odhcpd",
    ],
  );
});

test("dnsmasq's ports, and whether anything is handed out", () => {
  const two = read("config dnsmasq\nconfig dnsmasq 'guest'\n\toption port '5353'\n");
  assert.equal(two.ports, [
    { path: 'dhcp.@dnsmasq[0]', port: 53 },
    { path: 'dhcp.guest', port: 5353 },
  ]);
  assert.not.ok(two.serves);
  assert.ok(read("config dhcp 'lan'\n\toption interface 'lan'\n").serves);
  assert.ok(
    read("config dhcp 'lan'\n\toption dhcpv4 'disabled'\n\toption dhcpv6 'server'\n").serves,
  );
  assert.not.ok(read("config dhcp 'wan'\n\toption ignore '1'\n").serves);
  assert.not.ok(read("config dhcp 'lan'\n\toption dhcpv4 'disabled'\n").serves);
  assert.not.ok(readDhcpDns("config dhcp 'lan\n").ok);
});

const UDP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  101: 0101A8C0:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0 0
  102: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0 0
  103: 00000000:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4713 2 0 0
  104: 0101A8C0:0035 0501A8C0:1234 01 00000000:00000000 00:00000000 00000000     0        0 4714 2 0 0
`;

test('sockets of /proc/net, of both byte orders', () => {
  assert.equal(readListeners(UDP, [53, 853], 'little'), [
    { port: 53, address: '192.168.1.1', inode: 4711 },
  ]);
  const big = UDP.replaceAll('0101A8C0', 'C0A80101').replaceAll('0100007F', '7F000001');
  assert.equal(readListeners(big, [53, 853], 'big'), [
    { port: 53, address: '192.168.1.1', inode: 4711 },
  ]);
  const head = 'B80D0120000000000000000001000000:0355 00000000000000000000000000000000:0000 0A';
  const tcp6 = `   0: ${head} 00000000:00000000 00:00000000 00000000     0        0 815 1`;
  assert.equal(readListeners(tcp6, [853], 'little'), [
    { port: 853, address: '2001:db8::1', inode: 815 },
  ]);
  assert.equal(readListeners('nothing of\nthe kind\n 1: 00:0035 0 07\n', [53], 'little'), []);
});

test('a file that is no UCI, or cannot be read: its place once, the operation, the fix', () => {
  const bad = readDhcpDns("config dhcp 'lan'\n\toption dns 'x\n");
  const problems = bad.ok ? [] : bad.problems;
  assert.is(problems[0]?.where, '/etc/config/dhcp:2');
  assert.not.match(problems[0]?.what ?? '', '/etc/config/dhcp');
  assert.match(
    problems[0]?.what ?? '',
    /; until then it is not known which resolver the devices are told$/,
  );
  assert.equal(unreadDhcp('Permission denied (errno 13)'), {
    ok: false,
    problems: [
      {
        where: '/etc/config/dhcp',
        what: 'cannot be read: Permission denied (errno 13); make it a file that root can read; until then it is not known which resolver the devices are told',
      },
    ],
  });
});

test.run();
