// answers/proxies: the answer about each proxy, in `whp status` and `whp proxy list`, and what is wrong with it. Pure.
import type { Choices } from '../policy/choices.ts';
import type { App } from '../policy/policy.ts';
import { tunnelDevice } from '../ruleset/names.ts';
import type { Problem } from '../syntax/result.ts';
import type { Steering } from '../tunnel/failover.ts';
import { type HealthState, lossOf } from '../tunnel/health.ts';
import type { Moved } from '../tunnel/moves.ts';
import { seconds } from './flows.ts';
import { type WayAnswer, wayOf } from './now.ts';

/** A proxy: its server and its tunnel. */
export interface ProxyAnswer {
  readonly proxy: string;
  /** Public address of the server. */
  readonly address: string;
  /** By the probes; no_device: the tunnel's network device is missing or down. */
  readonly state: HealthState | 'no_device';
  /** Seconds since the probes' result changed. */
  readonly state_s: number;
  readonly loss_percent: number;
  /** Round-trip time; null: not measured, or no probe is answered. */
  readonly rtt_ms: number | null;
  /** null: there is no device. */
  readonly mtu_bytes: number | null;
  /** Why it is down; null: it is not. */
  readonly reason: string | null;
  /** Names of the apps that list it. */
  readonly apps: readonly string[];
  /** The owner chose it by `whp proxy use`. */
  readonly preferred: boolean;
}

/** A proxy and its tunnel device. */
export interface Tunnel {
  readonly name: string;
  readonly address: string;
  /** Its network device exists and is up. */
  readonly device: boolean;
  readonly mtu: number;
}

export interface ProxyInput {
  readonly now: number;
  readonly steering: Steering;
  readonly choices: Choices;
  /** The apps as configured, before the owner's choice of a proxy. */
  readonly configured: readonly Pick<App, 'name' | 'proxies'>[];
}

export function proxyAnswer(tunnel: Tunnel, input: ProxyInput): ProxyAnswer {
  const { steering, configured, choices, now } = input;
  const { name, address, device, mtu } = tunnel;
  const health = steering.healths.get(name);
  const isDown = health === undefined || health.state === 'down' || health.rtt === 0;
  return {
    proxy: name,
    address,
    state: device ? (health?.state ?? 'probing') : 'no_device',
    state_s: health === undefined ? 0 : seconds(now - health.since),
    loss_percent: health === undefined ? 0 : Math.round(lossOf(health) * 100),
    rtt_ms: isDown ? null : Math.ceil(health.rtt),
    mtu_bytes: mtu === 0 ? null : mtu,
    reason: health?.state === 'down' ? health.reason : null,
    apps: configured.flatMap((app) => (app.proxies.includes(name) ? [app.name] : [])),
    preferred: choices.preferred === name,
  };
}

/** A change of an app's way, by the health of its proxies. */
export interface MoveAnswer extends WayAnswer {
  readonly app: string;
  /** The proxy that it had; null: none. */
  readonly before: string | null;
  /** Why that one was left; null: it is not down. */
  readonly reason: string | null;
  readonly ago_s: number;
}

export function moveAnswer({ app, from, to, reason, at }: Moved, now: number): MoveAnswer {
  const by = to.kind === 'tunnel' ? to.proxy : to.kind === 'direct' ? 'direct' : 'none';
  const before = from.kind === 'tunnel' ? from.proxy : null;
  return { app, before, ...wayOf(by), reason: reason || null, ago_s: seconds(now - at) };
}

/** What is wrong with a proxy; empty: nothing is known. */
export function wrongWithProxy({
  proxy,
  address,
  state,
  reason,
  mtu_bytes,
}: ProxyAnswer): Problem[] {
  const where = `proxy ${proxy}`;
  if (state === 'no_device') {
    const device = tunnelDevice(proxy);
    if (mtu_bytes === null)
      return [{ where, what: `the device ${device} of its tunnel is missing`, fix: 'whp check' }];
    const fix = `ip link set dev ${device} up; whp reload`;
    return [{ where, what: `the device ${device} of its tunnel is down`, fix }];
  }
  if (state !== 'down') return [];
  return [{ where, what: `is DOWN: ${reason}`, fix: `ping -c 3 ${address}; whp test` }];
}
