// preflight/verdict: one line that says what a valid configuration does, for `whp check`. Pure.
import type { App, Policy } from '../policy/policy.ts';
import type { UciPackage } from '../syntax/uci.ts';
import { isOff, sectionsOf } from './place.ts';

/** "good: skype by cloud (203.0.113.20), all devices, refused when it is down" */
export function verdictOf(policy: Policy, uci: UciPackage): string {
  if (policy.apps.length > 0)
    return `good: ${policy.apps.map((app) => appText(policy, app)).join('; ')}`;
  return `valid, but nothing is proxied: ${whyNothing(uci)}`;
}

function whyNothing(uci: UciPackage): string {
  const globals = sectionsOf(uci, 'globals').find(isOff);
  if (globals !== undefined)
    return `the agent is switched off; uci set ${globals.path}.enabled='1'; uci commit whp; /etc/init.d/whp restart`;
  if (sectionsOf(uci, 'proxy').every(isOff))
    return 'no proxy is enabled: on your server, whp-proxy install prints the lines that set one up here; docs/install.md has all steps';
  const apps = sectionsOf(uci, 'app').filter(isOff);
  if (apps.length === 0) return 'there is no app section; see docs/uci.md';
  const names = apps.map(({ section }) => section.name).join(', ');
  const fix =
    apps.length === 1 ? `; uci set ${apps[0]!.path}.enabled='1'; uci commit whp; whp reload` : '';
  return `${apps.length === 1 ? 'app' : 'apps'} ${names} ${apps.length === 1 ? 'is' : 'are'} disabled${fix}`;
}

function appText({ proxies }: Policy, app: App): string {
  const chosen = app.proxies.map((name) => {
    const address = proxies.find((one) => one.name === name)?.address;
    return `${name} (${address ?? 'not there'})`;
  });
  const it = chosen.length === 1 ? 'it is' : 'they are';
  const down = app.fallback === 'block' ? 'refused' : 'DIRECT';
  const parts = [
    `${app.name}${app.noProfile ? ' (your rules)' : ''} by ${chosen.join(', then ')}`,
    devicesText(app),
    ...(app.schedule === undefined ? [] : ['at its hours']),
    `${down} when ${it} down`,
  ];
  return parts.join(', ');
}

function devicesText({ devices, macs }: App): string {
  if (macs === undefined && devices.length === 0) return 'all devices';
  const count = (macs?.length ?? 0) + devices.length;
  if (count === 0) return 'no device yet (none of its names is known to DHCP)';
  return count === 1 ? '1 device' : `${count} devices or blocks`;
}
