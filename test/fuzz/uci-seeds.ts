// Configurations to begin with: as shipped, as `uci export` prints, and with every quoting form.
export const UCI_SEEDS: readonly string[] = [
  `package whp

config globals 'globals'
	option enabled '1'
	list lan 'br-lan'
	option hold '1'
	option mask '0x0f000000'

config proxy 'cloud'
	option address '203.0.113.10'
	option key '1'
	option local '10.254.1.2'
	option remote '10.254.1.1'
	option mtu '1400'

config proxy 'other'
	option address '2001:db8::7'
	option local '10.254.2.2'
	option remote '10.254.2.1'

config app 'skype'
	option profile 'skype'
	option fallback 'block'
	list proxy 'cloud'
	list proxy 'other'
	list device '192.168.1.32/28'
	list device 'fd00::7'
`,
  "config app skype\n  option profile \"sky\\\"pe\" # comment\nconfig x\n list a b;list a 'it'\\''s'\n",
  "package network\nconfig interface 'lan'\n\toption ipaddr '192.168.1.1'\npackage whp\n",
  "config app 'skype'\n\toption profile 'two\nlines'\n",
  'c app ""\no a v#c\nl b "x\\\n\\"y";\no a \\\r\nw; option c 1\nconfig app cfg015e66\n\vlist d\n',
];

export const UCI_WORDS: readonly string[] = [
  'config ',
  'option ',
  'list ',
  'package ',
  'package whp\n',
  "config app 'skype'\n",
  "config proxy 'cloud'\n",
  "config globals 'globals'\n",
  "\toption enabled '0'\n",
  "\toption fallback 'direct'\n",
  "\toption profile 'skype'\n",
  "\tlist proxy 'cloud'\n",
  "'",
  '"',
  '\\',
  '\n',
  ';',
  '#',
  '\t',
  '0x0f000000',
  '4294967295',
  '-1',
  '10.0.0.1',
  '::1',
  '/33',
  'br-lan',
  'enabled',
  'mask',
  'device',
];
