// Probe: devices, addresses, routes, rules, and rtnetlink's announcements of them.
import * as sys from 'whp:socket';
import { receive } from '../../agent/src/kernel/netlink-socket.ts';
import {
  putAddressAdd,
  putAddressDelete,
  putAddressDump,
  readAddress,
} from '../../agent/src/netlink/address.ts';
import {
  NETLINK_ROUTE,
  RTN_PROHIBIT,
  RTNLGRP_IPV4_RULE,
  RTNLGRP_LINK,
} from '../../agent/src/netlink/constants.ts';
import { type KernelLink, readLink } from '../../agent/src/netlink/kernel-link.ts';
import {
  putGreCreate,
  putLinkDelete,
  putLinkDump,
  putLinkQuery,
} from '../../agent/src/netlink/link.ts';
import {
  type DefaultRoute,
  putRouteDelete,
  putRouteDump,
  putRouteQuery,
  putRouteReplace,
  readRoute,
} from '../../agent/src/netlink/route.ts';
import { readRouteEvent } from '../../agent/src/netlink/rt-event.ts';
import { putRuleAdd, putRuleDelete, putRuleDump, readRule } from '../../agent/src/netlink/rule.ts';
import { kernelRule, MARK_RULE } from '../fixtures/kernel-objects.ts';
import { putLinkMtu, putLinkState } from '../fixtures/netlink-requests.ts';
import { breathe, claim, holds, same } from './claims.ts';
import { ask, LACKING, list, must, open, route } from './probe-socket.ts';

const PROTOCOL = 87;
const GRE = {
  name: 'whp-probe',
  local: '127.0.0.1',
  remote: '192.0.2.9',
  key: 0x01020304,
  ttl: 64,
  pathMtu: true,
  mtu: 1400,
};

const links = (): KernelLink[] => list(route, putLinkDump, readLink);

function linkNamed(name: string): KernelLink | undefined {
  return links().find((link) => link.name === name);
}

export async function proveRouting(): Promise<void> {
  claim('link-dump', () => {
    const lo = linkNamed('lo');
    holds(lo !== undefined && lo.index === 1 && lo.mtu >= 16436, `lo is ${JSON.stringify(lo)}`);
  });
  claim('link-up', () => {
    must(route, 'lo up', (w, seq) => putLinkState(w, seq, 1, true));
    holds(((linkNamed('lo')?.flags ?? 0) & 1) === 1, 'lo is not up');
  });
  claim('link-query', () => {
    same(
      list(route, (w, seq) => putLinkQuery(w, seq, 'lo'), readLink).map((l) => l.index),
      [1],
    );
  });
  claim('route-query', () => {
    const put = (w: Parameters<typeof putRouteQuery>[0], seq: number) =>
      putRouteQuery(w, seq, Uint8Array.of(127, 0, 0, 1));
    const got = list(route, put, readRoute);
    same(
      got.map((r) => [r.destination, r.link, r.source]),
      [['127.0.0.1/32', 1, '127.0.0.1']],
    );
  });
  const gre = proveGre();
  await breathe();
  proveRoutes(gre);
  await breathe();
  proveRules();
  if (gre !== 0) {
    claim('gre-delete', () => {
      must(route, 'delete gre', (w, seq) => putLinkDelete(w, seq, gre));
      same(linkNamed(GRE.name), undefined, 'the device');
      same(
        ask(route, (w, seq) => putLinkDelete(w, seq, gre)),
        sys.ENODEV,
        'second deletion',
      );
    });
  }
}

/** Index of the tunnel device, or 0 without GRE. */
function proveGre(): number {
  const events = open(NETLINK_ROUTE, { groups: [RTNLGRP_LINK] });
  const made = claim('gre-create', () => {
    must(route, 'create gre', (w, seq) => putGreCreate(w, seq, GRE), LACKING);
  });
  const index = made ? (linkNamed(GRE.name)?.index ?? 0) : 0;
  if (index === 0) return 0;
  claim('gre-read', () => {
    const link = linkNamed(GRE.name);
    const { name, mtu, ...parameters } = GRE;
    same([link?.name, link?.mtu, link?.kind, link?.gre], [name, mtu, 'gre', parameters]);
    holds(((link?.flags ?? 0) & 1) === 1, 'it is not up');
  });
  claim('gre-mtu', () => {
    must(route, 'mtu', (w, seq) => putLinkMtu(w, seq, index, 1300));
    same(linkNamed(GRE.name)?.mtu, 1300);
  });
  claim('gre-exists', () => {
    same(
      ask(route, (w, seq) => putGreCreate(w, seq, GRE)),
      sys.EEXIST,
    );
  });
  claim('link-announced', () => {
    const names: string[] = [];
    receive(events, (m, r) => {
      const event = readRouteEvent(r, m);
      if (event.ok && event.value.kind === 'link') names.push(event.value.link.name);
    });
    holds(names.includes(GRE.name), `announced: ${names.join(' ')}`);
  });
  claim('address-peer', () => {
    const inner = { link: index, address: '10.99.0.2', peer: '10.99.0.1', prefix: 32 };
    must(route, 'address', (w, seq) => putAddressAdd(w, seq, inner));
    const got = list(route, (w, seq) => putAddressDump(w, seq, 4), readAddress);
    const ours = got.find((a) => a.link === index);
    same(ours && { ...inner, family: 4, scope: 0 }, ours);
  });
  return index;
}

function proveRoutes(gre: number): void {
  claim('address', () => {
    const address = { link: 1, address: '10.98.0.1', peer: null, prefix: 24 };
    must(route, 'add', (w, seq) => putAddressAdd(w, seq, address));
    const dumped = () => list(route, (w, seq) => putAddressDump(w, seq, 4), readAddress);
    holds(
      dumped().some((a) => a.address === '10.98.0.1' && a.prefix === 24 && a.peer === null),
      'it is not in the dump',
    );
    must(route, 'delete', (w, seq) => putAddressDelete(w, seq, address));
    holds(!dumped().some((a) => a.address === '10.98.0.1'), 'it is still there');
    same(
      ask(route, (w, seq) => putAddressDelete(w, seq, address)),
      sys.EADDRNOTAVAIL,
      'again',
    );
  });
  const device: DefaultRoute = {
    family: 4,
    table: 15001,
    link: gre === 0 ? 1 : gre,
    metric: 1,
    protocol: PROTOCOL,
  };
  const behind: DefaultRoute = { ...device, link: 0, metric: 0xffffffff };
  const dumped = (family: 4 | 6) =>
    list(route, (w, seq) => putRouteDump(w, seq, family), readRoute).filter(
      (r) => r.table === 15001,
    );
  claim('route-v4', () => {
    // Twice: replacing an existing route is no error.
    must(route, 'device', (w, seq) => putRouteReplace(w, seq, device));
    must(route, 'device again', (w, seq) => putRouteReplace(w, seq, device));
    must(route, 'prohibit', (w, seq) => putRouteReplace(w, seq, behind));
    same(
      dumped(4).map((r) => [r.link, r.metric, r.type, r.protocol, r.destination]),
      [
        [device.link, 1, 1, PROTOCOL, null],
        [0, 0xffffffff, RTN_PROHIBIT, PROTOCOL, null],
      ],
    );
    must(route, 'delete', (w, seq) => putRouteDelete(w, seq, device));
    same(dumped(4).length, 1, 'routes left');
    must(route, 'delete', (w, seq) => putRouteDelete(w, seq, behind));
    same(
      ask(route, (w, seq) => putRouteDelete(w, seq, behind)),
      sys.ESRCH,
      'second deletion',
    );
  });
  claim('route-v6', () => {
    const six: DefaultRoute = { ...behind, family: 6 };
    must(route, 'prohibit', (w, seq) => putRouteReplace(w, seq, six), LACKING);
    must(route, 'prohibit again', (w, seq) => putRouteReplace(w, seq, six));
    same(
      dumped(6).map((r) => [r.metric, r.type, r.protocol, r.destination]),
      [[0xffffffff, RTN_PROHIBIT, PROTOCOL, null]],
    );
    must(route, 'delete', (w, seq) => putRouteDelete(w, seq, six));
    same(dumped(6).length, 0, 'routes left');
  });
}

function proveRules(): void {
  const events = open(NETLINK_ROUTE, { groups: [RTNLGRP_IPV4_RULE] });
  for (const family of [4, 6] as const) {
    const rule = { ...MARK_RULE, family, protocol: PROTOCOL };
    claim(`rule-v${family}`, () => {
      const dumped = () =>
        list(route, (w, seq) => putRuleDump(w, seq, family), readRule).filter(
          (r) => r.preference === 15001,
        );
      must(route, 'add', (w, seq) => putRuleAdd(w, seq, rule), LACKING);
      same(dumped(), [kernelRule(rule)]);
      same(
        ask(route, (w, seq) => putRuleAdd(w, seq, rule)),
        sys.EEXIST,
        'second rule',
      );
      must(route, 'delete', (w, seq) => putRuleDelete(w, seq, rule));
      same(dumped(), []);
      same(
        ask(route, (w, seq) => putRuleDelete(w, seq, rule)),
        sys.ENOENT,
        'second deletion',
      );
    });
  }
  claim('rule-announced', () => {
    const seen: string[] = [];
    receive(events, (m, r) => {
      const event = readRouteEvent(r, m);
      if (!event.ok || event.value.kind !== 'rule') return;
      seen.push(`${event.value.gone ? 'gone' : 'new'} ${event.value.rule.mark}`);
    });
    same(seen, ['new 16777216', 'gone 16777216']);
  });
}
