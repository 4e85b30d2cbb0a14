// ruleset/compile/port-mapping: learns P2P ports from port mapping requests: shortly after a device has asked
// for an application's names, the internal port of its request is the application's. A request for a known
// port renews that element at any time. Part of the input hook.
import type { App } from '../../policy/policy.ts';
import { FAMILIES, type Family } from '../../wire/address.ts';
import { TCP, UDP } from '../../wire/packet.ts';
import type { Chain, Expression, Rule, Statement } from '../model.ts';
import {
  accept,
  atLeast,
  concat,
  field,
  goTo,
  hasMac,
  inSet,
  is,
  isNot,
  jump,
  macParts,
  masked,
  oneOf,
  raw,
  rule,
  saddr,
  TRANSPORTS,
} from '../terms.ts';
import { appSet, type Context, deviceGuards, logHeaders } from './context.ts';
import { isOf, unlessOverLogLimit } from './device-share.ts';
import { lessonOf, renewals, teachChains } from './teach.ts';

/** `mapping` and the chains it jumps to. */
export function mappingChains(context: Context): Chain[] {
  const { apps } = context.policy;
  return [
    mappingChain(apps),
    ...apps.flatMap((app) =>
      FAMILIES.flatMap((family) => [
        ...renewalChain(app, family),
        ...formChains(context, app, family),
      ]),
    ),
  ];
}

/** Only requests of a device that has asked for the application's names within the window teach. */
function mappingChain(apps: readonly App[]): Chain {
  const rules = apps.flatMap((app) =>
    FAMILIES.flatMap((family) => {
      if (!mapsIn(app, family)) return [];
      const asked = [
        [inSet(saddr(family), appSet(app, 'portmap', family))],
        [isOf(family), hasMac, inSet(concat(...macParts), appSet(app, 'portmapmac', family))],
      ];
      return deviceGuards(app, saddr(family), family).flatMap((guard) =>
        asked.map((some) =>
          rule('asked just before', ...some, ...guard, jump(`${app.name}_mapping${family}`)),
        ),
      );
    }),
  );
  return { name: 'mapping', rules: [...rules, ...renewalRules(apps)] };
}

/**
 * A client renews a mapping at half its lifetime, without a DNS query before (RFC 6886 section 3.3, RFC 6887
 * section 11.2.1).
 */
function renewalRules(apps: readonly App[]): Rule[] {
  return apps.flatMap((app) =>
    FAMILIES.filter((family) => mapsIn(app, family)).flatMap((family) =>
      deviceGuards(app, saddr(family), family).map((guard) =>
        rule('is a mapping renewed?', isOf(family), ...guard, jump(renewalName(app, family))),
      ),
    ),
  );
}

function renewalName(app: App, family: Family): string {
  return `${app.name}_renewal${family}`;
}

/** Renews known elements and adds none: several applications may test the same request. */
function renewalChain(app: App, family: Family): Chain[] {
  if (!mapsIn(app, family) || deviceGuards(app, saddr(family), family).length === 0) return [];
  const rules = formsOf(app, family).flatMap((form) =>
    TRANSPORTS.flatMap(([transport]) => {
      const lesson = lessonOf(app, transport, family, masked(raw(form.port, 32), 0xffff0000));
      const when = [...form.request, is(form.transport, form[transport])];
      return renewals(lesson, `${form.why}: the port is in use`, when);
    }),
  );
  return [{ name: renewalName(app, family), rules }];
}

/** NAT-PMP (RFC 6886) is IPv4 only. */
function mapsIn(app: App, family: Family): boolean {
  const { protocols } = app.profile.portmap;
  return protocols.includes('pcp') || (family === 4 && protocols.includes('nat-pmp'));
}

interface PortmapForm {
  readonly chain: string;
  readonly why: string;
  /** Bit offset of the internal port from the UDP header. */
  readonly port: number;
  /** Conditions of a request to create a mapping, long enough for every field read. */
  readonly request: readonly Statement[];
  /** The protocol field, and its values for udp and tcp. */
  readonly transport: Expression;
  readonly udp: number;
  readonly tcp: number;
}

/** RFC 6886 section 3.3: version 0, opcode 1 or 2, internal port, lifetime; 12 bytes. */
const NAT_PMP: PortmapForm = {
  chain: 'natpmp',
  why: 'NAT-PMP request',
  port: 96,
  request: [
    atLeast(field('udp length'), 20),
    is(raw(64, 8), 0),
    oneOf(raw(72, 8), [1, 2]),
    isNot(raw(128, 32), 0),
    isNot(raw(96, 16), 0),
  ],
  transport: raw(72, 8),
  udp: 1,
  tcp: 2,
};

/** RFC 6887 sections 7.1 and 11.1: version 2, MAP request, lifetime, protocol, port; 60 bytes. */
const PCP: PortmapForm = {
  chain: 'pcp',
  why: 'PCP MAP request',
  port: 384,
  request: [
    atLeast(field('udp length'), 68),
    is(raw(64, 8), 2),
    is(raw(72, 8), 1),
    isNot(raw(96, 32), 0),
    oneOf(raw(352, 8), [UDP, TCP]),
    isNot(raw(384, 16), 0),
  ],
  transport: raw(352, 8),
  udp: UDP,
  tcp: TCP,
};

function formsOf(app: App, family: Family): PortmapForm[] {
  const { protocols } = app.profile.portmap;
  const forms: PortmapForm[] = [];
  if (family === 4 && protocols.includes('nat-pmp')) forms.push(NAT_PMP);
  if (protocols.includes('pcp')) forms.push(PCP);
  return forms;
}

function formChains(context: Context, app: App, family: Family): Chain[] {
  if (!mapsIn(app, family) || deviceGuards(app, saddr(family), family).length === 0) return [];
  const forms = formsOf(app, family);
  const chain = (form: PortmapForm) => `${app.name}_${form.chain}${family}`;
  return [
    {
      name: `${app.name}_mapping${family}`,
      rules: forms.map((form) => rule(form.why, ...form.request, goTo(chain(form)))),
    },
    ...forms.flatMap((form) => {
      const teach = (transport: string): string => `${chain(form)}_${transport}`;
      const port = masked(raw(form.port, 32), 0xffff0000);
      return [
        ...TRANSPORTS.flatMap(([transport]) => {
          const lesson = lessonOf(app, transport, family, port);
          return teachChains(app, teach(transport), lesson, 'ports', family);
        }),
        {
          name: chain(form),
          rules: [
            ...TRANSPORTS.map(([transport]) =>
              rule(
                'its internal port is the P2P port',
                is(form.transport, form[transport]),
                jump(teach(transport)),
              ),
            ),
            unlessOverLogLimit(),
            rule('tell the agent', logHeaders(context, 'mapping', app)),
            rule('done', accept),
          ],
        },
      ];
    }),
  ];
}
