// preflight/masquerade: whether the firewall's configuration gives packets into a tunnel the tunnel's own address. The
// proxy drops those that keep the address of a device. Pure.
import { ON } from '../syntax/options.ts';
import type { UciPackage } from '../syntax/uci.ts';

/** The zone that holds `device`, and whether it masquerades; null: no zone holds it. */
export function masqueradeOf(
  { sections }: UciPackage,
  device: string,
): { readonly path: string; readonly isOn: boolean; readonly isWan: boolean } | null {
  const zones = sections.filter(({ type }) => type === 'zone');
  for (const [at, { name, values }] of zones.entries()) {
    const valuesOf = (option: string): string[] =>
      values.filter((one) => one.name === option).flatMap(({ value }) => value.split(' '));
    const holds = valuesOf('device').some((one) =>
      one.endsWith('+') ? device.startsWith(one.slice(0, -1)) : one === device,
    );
    if (!holds) continue;
    const isOn = valuesOf('masq').some((one) => ON.includes(one));
    const isWan = valuesOf('name').includes('wan');
    return { path: `firewall.${name ?? `@zone[${at}]`}`, isOn, isWan };
  }
  return null;
}
