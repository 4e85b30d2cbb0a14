// answers/monitor: the lines of `whp monitor`, one object for each thing learned. Pure.
import type { MonitorEvent } from '../learn/effect.ts';
import { type FlowFields, flowFields } from '../wire/flow-text.ts';
import type { DeviceNames } from './device-names.ts';

interface OfDevice {
  readonly app: string;
  readonly device: string | null;
  /** Of the device. */
  readonly address: string;
}

/** dns: an answer taught addresses or names. query: a device asked for a name. hello: a device named a server in
 * a TLS hello. flow: the table marked a flow. */
export type MonitorAnswer =
  | (OfDevice & {
      readonly kind: 'dns';
      readonly name: string;
      /** The application's own name that led to `name`. */
      readonly root: string;
      readonly addresses: readonly { readonly remote: string; readonly ttl_s: number }[];
      readonly targets: readonly { readonly name: string; readonly ttl_s: number }[];
    })
  | (OfDevice & { readonly kind: 'query'; readonly name: string })
  | (OfDevice & { readonly kind: 'hello'; readonly name: string; readonly remote: string })
  | (FlowFields & {
      readonly kind: 'flow';
      readonly app: string;
      readonly device: string | null;
      readonly evidence: string;
      readonly detail: string;
    });

export function monitorAnswer(told: MonitorEvent, { nameOf }: DeviceNames): MonitorAnswer {
  const of = (app: string, address: string): OfDevice => ({
    app,
    device: nameOf(address),
    address,
  });
  switch (told.kind) {
    case 'lesson': {
      const { app, name, root, device, addresses, targets } = told.lesson;
      return {
        kind: 'dns',
        ...of(app, device),
        name,
        root,
        addresses: addresses.map((one) => ({ remote: one.address, ttl_s: one.ttlSeconds })),
        targets: targets.map((one) => ({ name: one.name, ttl_s: one.ttlSeconds })),
      };
    }
    case 'asked':
      return { kind: 'query', ...of(told.app, told.device), name: told.name };
    case 'hello': {
      const { app, device, name, address } = told.named;
      return { kind: 'hello', ...of(app, device), name, remote: address };
    }
    case 'evidence': {
      const { app, kind, flow, device, detail } = told.evidence;
      const fields = flowFields(flow);
      return { kind: 'flow', app, device: nameOf(device), ...fields, evidence: kind, detail };
    }
  }
}
