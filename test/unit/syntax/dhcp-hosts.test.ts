// syntax/dhcp-hosts and syntax/dhcp-leases: which lease files count, their formats, and the static hosts.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Host, parseDhcp, UNREAD, unreadSetup } from '../../../agent/src/syntax/dhcp-hosts.ts';
import { parseLeases } from '../../../agent/src/syntax/dhcp-leases.ts';
import { canonicalMac, macOfDuid } from '../../../agent/src/wire/mac.ts';

const FILE = '/etc/config/dhcp';

function words(hosts: readonly Host[]): string[] {
  return hosts.map(({ mac, address, name }) => `${mac} ${address ?? '-'} ${name ?? '-'}`);
}

function notes(text: string): string[] {
  return parseDhcp(text, FILE).notes.map(({ where, what }) => `${where}: ${what}`);
}

test("dnsmasq's leases: what names no MAC of one device is left out", () => {
  const text = `1763726400 AA:BB:CC:00:00:01 192.168.1.50 Xbox 01:aa:bb:cc:00:00:01
1763726400 aa:bb:cc:00:00:02 192.168.1.51 * *
1763726400 01-aa:bb:cc:00:00:03 192.168.1.53 three *
1763726400 06-aa:bb:cc:00:00:04 192.168.1.54 infiniband *
duid 00:01:00:01:2a:bb:cc:dd:aa:bb:cc:00:00:ff
1763726400 12345678 fd00::5 xbox 00:01:00:01:2a:bb:cc:dd:aa:bb:cc:00:00:01
0 T12345678 fd00::6 * 00:03:00:01:aa:bb:cc:00:00:05
1763726400 12345678 fd00::7 uuid 00:04:00:01:aa:bb:cc:00:00:06:00:00:00:00:00:00:00:00
1763726400 123456 fd00::8 short 00:01
nonsense
1763726400 ff:ff:ff:ff:ff:ff 192.168.1.52 all *
1763726400 aa:bb:cc:00:00:07 192.168.1.999 no-address *
`;
  assert.equal(words(parseLeases(text)), [
    'aa:bb:cc:00:00:01 192.168.1.50 xbox',
    'aa:bb:cc:00:00:02 192.168.1.51 -',
    'aa:bb:cc:00:00:03 192.168.1.53 three',
    'aa:bb:cc:00:00:01 fd00::5 xbox',
    'aa:bb:cc:00:00:05 fd00::6 -',
  ]);
});

test("odhcpd's leases, as 24.10 and as later ones write them", () => {
  const text = `# br-lan aabbcc000001 ipv4 xbox 1763726400 c0a80132 32 192.168.1.50/32
192.168.1.50\txbox.lan\txbox
# br-lan a:b:c:0:0:2 ipv4 Tablet -1 c0a80133 32 192.168.1.51/32
# br-lan aabbcc000003 ipv4 - 1763726400 c0a80134 32 192.168.1.52/32
# br-lan aabbcc000004 ipv4 broken\\x20my phone 1763726400 c0a80135 32 192.168.1.53/32
# br-lan aabbcc000005 ipv4 broken\\x20my\\x20phone 1763726400 c0a80136 32 192.168.1.54/32
# br-lan 000100012abbccddaabbcc000006 1a2b laptop 1763726400 5 128 fd00::5/128 2001:db8::5/128
# br-lan 00030001aabbcc000007 1a2b router 1763726400 1 60 fd00:0:0:10::/60
# br-lan 00040001aabbcc000008aabbcc000008aabbcc 0 uuid 1763726400 6 128 fd00::6/128
# br-lan 00030001ffffffffffff 0 all 1763726400 6 128 fd00::7/128
# br-lan
#
fd00::5\tlaptop
`;
  assert.equal(words(parseLeases(text)), [
    'aa:bb:cc:00:00:01 192.168.1.50 xbox',
    '0a:0b:0c:00:00:02 192.168.1.51 tablet',
    'aa:bb:cc:00:00:03 192.168.1.52 -',
    'aa:bb:cc:00:00:04 192.168.1.53 -',
    'aa:bb:cc:00:00:05 192.168.1.54 -',
    'aa:bb:cc:00:00:06 fd00::5 laptop',
    'aa:bb:cc:00:00:06 2001:db8::5 laptop',
  ]);
});

test('a lease file that devices fill has a bound', () => {
  const line = '# br-lan aabbcc000001 ipv4 x 1 c0a80132 32 192.168.1.50/32\n';
  assert.is(parseLeases(line.repeat(5000)).length, 1024);
});

test('the MAC in a DUID', () => {
  assert.is(macOfDuid('00:01:00:01:2a:bb:cc:dd:AA:BB:CC:00:00:01'), 'aa:bb:cc:00:00:01');
  assert.is(macOfDuid('00030001aabbcc000001'), 'aa:bb:cc:00:00:01');
  // A vendor's number, InfiniBand, too short, too long, no MAC.
  const none = ['00020000ab11aabbcc000001', '00030020aabbcc000001', '00030001aabbcc0000', ''];
  for (const text of [...none, '00030001aabbcc00000101', '*'])
    assert.is(macOfDuid(text), null, text);
  assert.is(canonicalMac('aabbcc000001'), 'aa:bb:cc:00:00:01');
});

test('the lease files of every server that runs, each once', () => {
  const files = (text: string) => parseDhcp(text, FILE).leaseFiles;
  assert.equal(files(''), ['/tmp/dhcp.leases']);
  assert.equal(files('config dnsmasq\n'), ['/tmp/dhcp.leases']);
  assert.equal(files("config dnsmasq\n\toption leasefile ''\n"), ['/tmp/dhcp.leases']);
  const all = `config odhcpd 'odhcpd'
	option maindhcp '0'
	option leasefile '/tmp/hosts/odhcpd'
config dnsmasq 'lan_dns'
	list interface 'lan'
	option leasefile "/mnt/usb drive/lan"
config dnsmasq 'guest_dns'
	option leasefile /tmp/guest.leases#of the guests
config dnsmasq 'off'
	option disabled '1'
	option leasefile '/tmp/off.leases'
config dnsmasq
config dnsmasq
	option leasefile '/tmp/guest.leases'
config other
	option leasefile '/tmp/other'
`;
  assert.equal(files(all), [
    '/tmp/hosts/odhcpd',
    '/mnt/usb drive/lan',
    '/tmp/guest.leases',
    '/tmp/dhcp.leases',
  ]);
  assert.equal(notes(all), [
    "dhcp.@dnsmasq[4] (/etc/config/dhcp:13): has its leases in /tmp/guest.leases as dhcp.guest_dns, and each overwrites the other's; uci set dhcp.@dnsmasq[4].leasefile=/tmp/guest.leases.4; uci commit dhcp; service dnsmasq restart",
  ]);
  const many = Array.from(
    { length: 50 },
    (_, i) => `config dnsmasq\n\toption leasefile '/tmp/${i}'\n`,
  );
  assert.is(files(many.join('')).length, 16);
});

test('leases that are in no file, and in none that can be found, are noted', () => {
  assert.equal(notes("config odhcpd 'odhcpd'\n\toption maindhcp '1'\n"), [
    'dhcp.odhcpd (/etc/config/dhcp:1): odhcpd keeps its leases to itself (ubus), so names and addresses of its devices are not known to whp; uci set dhcp.odhcpd.leasefile=/tmp/hosts/odhcpd; uci commit dhcp; service odhcpd restart',
  ]);
  assert.equal(notes("config dnsmasq\n\toption leasefile 'leases'\n"), [
    'dhcp.@dnsmasq[0].leasefile (/etc/config/dhcp:2): "leases" is no path from / on; its leases are not read',
  ]);
});

test('static hosts: several MACs, several addresses, DUIDs, ignored and disabled ones', () => {
  const text = `config host
	option name 'Tablet'
	option ip '192.168.1.60'
	list mac 'aa:bb:cc:00:00:0A'
	list mac 'aa:bb:cc:00:00:0b'
config host 'old'
	option name 'old'
	option mac 'aa:bb:cc:00:00:0c aa:bb:cc:00:00:0d'
config host
	option name 'barred'
	option mac 'aa:bb:cc:00:00:0e'
	option ip 'ignore'
config host
	option ip '192.168.1.61 fd00::61'
	option mac 'aa:bb:cc:00:00:0f'
	option duid '00030001aabbcc000010%1a2b'
config host
	option enable '0'
	option name 'gone'
	option mac 'aa:bb:cc:00:00:11'
config host
	option name 'any'
	option mac 'aa:bb:cc:*:*:*'
config domain
	option name 'not-a-host'
	option mac 'aa:bb:cc:00:00:12'
`;
  const { hosts, notes: told } = parseDhcp(text, FILE);
  assert.equal(words(hosts), [
    'aa:bb:cc:00:00:0a 192.168.1.60 tablet',
    'aa:bb:cc:00:00:0b 192.168.1.60 tablet',
    'aa:bb:cc:00:00:0c - old',
    'aa:bb:cc:00:00:0d - old',
    'aa:bb:cc:00:00:0e - barred',
    'aa:bb:cc:00:00:0f 192.168.1.61 -',
    'aa:bb:cc:00:00:0f fd00::61 -',
    'aa:bb:cc:00:00:10 192.168.1.61 -',
    'aa:bb:cc:00:00:10 fd00::61 -',
  ]);
  assert.equal(
    told.map(({ where, what }) => `${where}: ${what}`),
    [
      'dhcp.@host[5].mac (/etc/config/dhcp:23): "aa:bb:cc:*:*:*" is no MAC of one device, and is not used by whp; write AA:BB:CC:DD:EE:FF',
    ],
  );
});

test('what OpenWrt reads is read: names without quotes, comments, joined sections, empty options', () => {
  const text = `package dhcp
c host h
o name tv#the television
o mac "aa:bb:cc:00:00:\\
01"
option ip ''
config host h
list mac 'aa:bb:cc:00:00:02'; option dns '1'
`;
  assert.equal(words(parseDhcp(text, FILE).hosts), [
    'aa:bb:cc:00:00:01 - tv',
    'aa:bb:cc:00:00:02 - tv',
  ]);
});

test('a file that cannot be read is said, and what was known goes on to count', () => {
  const broken = "config host\n\toption name 'tv\n";
  assert.equal(parseDhcp(broken, FILE), {
    ...UNREAD,
    notes: [
      {
        where: '/etc/config/dhcp:2',
        what: "' is never closed; add the second '; until then lease files and static hosts are as known before",
      },
    ],
  });
  assert.equal(UNREAD.leaseFiles, ['/tmp/dhcp.leases', '/tmp/hosts/odhcpd', '/tmp/odhcpd.leases']);
  const before = parseDhcp("config dnsmasq\n\toption leasefile '/tmp/l'\n", FILE);
  assert.equal(parseDhcp(broken, FILE, before).leaseFiles, ['/tmp/l']);
});

test('a file that cannot be read leaves what was known, with the operation and the fix', () => {
  const before = { ...UNREAD, hosts: [{ mac: 'aa:bb:cc:00:00:01', address: null, name: 'tv' }] };
  const { notes: said, ...rest } = unreadSetup('Permission denied (errno 13)', FILE, before);
  assert.equal(rest, { leaseFiles: before.leaseFiles, hosts: before.hosts });
  assert.equal(said, [
    {
      where: FILE,
      what: 'cannot be read: Permission denied (errno 13); make it a file that root can read; until then lease files and static hosts are as known before',
    },
  ]);
});

test.run();
