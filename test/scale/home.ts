// The home of the scale measurement: its applications, devices, learned elements and flows as files of the agent and
// text for nft. Pure. packets.c sends the flows.

/** How large a home is. */
export interface Size {
  readonly apps: number;
  readonly devices: number;
  readonly elements: number;
  readonly flows: number;
}

export const DIMENSIONS = ['apps', 'devices', 'elements', 'flows'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** The largest home: as many apps as there are slots. */
export const FULL: Size = { apps: 11, devices: 250, elements: 20_000, flows: 10_000 };

/** A quarter and the half of a number; of apps three and six. */
export function smaller(full: number): readonly [quarter: number, half: number] {
  return [Math.max(1, Math.round(full / 4)), Math.max(2, Math.round(full / 2))];
}

/** The files of the agent, by the names that AGENT_OPTIONS gives them. */
export interface HomeFiles {
  readonly config: string;
  /** By name of the profile. */
  readonly profiles: ReadonlyMap<string, string>;
  readonly leases: string;
}

export const PROXIES = ['a', 'b'] as const;

export function appName(app: number): string {
  return `app${app + 1}`;
}

/** The domain that an application is known by. */
export function domainOf(app: number): string {
  return `${appName(app)}.example.net`;
}

/** As packets.c has it. */
export function deviceMac(device: number): string {
  return `02:00:00:00:01:${device.toString(16).padStart(2, '0')}`;
}

export function deviceAddress(device: number): string {
  return `192.168.1.${1 + device}`;
}

/** The `index`-th learned address of an application: for packets.c that of a device. */
export function endpointAddress(app: number, index: number): string {
  return `20.${1 + app}.${index >> 8}.${index & 255}`;
}

/** Each device has a section and a lease. Every second application is for the devices of a group alone. */
export function homeFiles({ apps, devices }: Size, profile: string): HomeFiles {
  const numbers = Array.from({ length: devices }, (_, device) => device);
  const proxy = (name: string, at: number): string => `config proxy '${name}'
	option address '203.0.113.2${at}'
	option local '10.200.${at}.1'
	option remote '10.200.${at}.2'
	option mtu '1400'
`;
  const app = (_: unknown, at: number): string => `config app '${appName(at)}'
	list proxy 'a'
	list proxy 'b'
${at % 2 === 1 ? "	list device 'all'\n" : ''}`;
  const config = [
    "config globals 'globals'\n	option hold '0'\n",
    ...PROXIES.map(proxy),
    ...Array.from({ length: apps }, app),
    ...numbers.map((one) => `config device 'd${one}'\n	list mac '${deviceMac(one)}'\n`),
    `config group 'all'\n${numbers.map((one) => `	list device 'd${one}'\n`).join('')}`,
  ].join('');
  const profiles = Array.from(
    { length: apps },
    (_, at) => [appName(at), profileText(profile, at)] as const,
  );
  const leases = numbers.map(
    (one) => `4102444800 ${deviceMac(one)} ${deviceAddress(one)} host${one} *\n`,
  );
  return { config, profiles: new Map(profiles), leases: leases.join('') };
}

/** The shipped profile with names and ranges of this application alone. */
function profileText(shipped: string, app: number): string {
  const name = appName(app);
  const profile = JSON.parse(shipped.replaceAll('skype', name)) as {
    name: string;
    dns: { suffixes: object[]; except: object[] };
    ranges: { addresses: string[] }[];
  };
  profile.dns.suffixes.push({ value: domainOf(app), evidence: 'unverified' });
  profile.dns.except = [];
  for (const range of profile.ranges)
    range.addresses = range.addresses.map((one) => one.replace(/^\d+/, String(130 + app)));
  return JSON.stringify(profile);
}

/** Lines for nft that add the learned elements: as many addresses as pairs of a device and a peer, evenly spread. */
export function elementText({ apps, devices, elements }: Size): string {
  const lines: string[] = [];
  for (let app = 0; app < apps; app += 1) {
    const mine = Math.floor(elements / apps) + (app < elements % apps ? 1 : 0);
    const addresses = mine >> 1;
    const endpoints = Array.from(
      { length: addresses },
      (_, at) => `${endpointAddress(app, at)} timeout 12h`,
    );
    const pairs = Array.from({ length: mine - addresses }, (_, at) => {
      const peer = `21.${1 + app}.${at >> 8}.${at & 255}`;
      return `${deviceAddress(at % devices)} . ${peer} timeout 12h`;
    });
    for (const [set, list] of [
      ['addr4', endpoints],
      ['peer4', pairs],
    ] as const) {
      if (list.length > 0)
        lines.push(`add element inet whp ${appName(app)}_${set} { ${list.join(', ')} }`);
    }
  }
  return `${lines.join('\n')}\n`;
}
