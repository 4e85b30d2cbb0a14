// netlink/rt-event: decodes rtnetlink announcements and dumps into one type: devices, addresses, routes and rules
// that were added or deleted. The deletion of one of our own objects starts a repair.

import { type KernelAddress, readAddress } from './address.ts';
import {
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELROUTE,
  RTM_DELRULE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWROUTE,
  RTM_NEWRULE,
} from './constants.ts';
import { type KernelLink, readLink } from './kernel-link.ts';
import type { Decoded, Message, MessageReader } from './message.ts';
import { type KernelRoute, readRoute } from './route.ts';
import { type KernelRule, readRule } from './rule.ts';

export type RouteEvent =
  | { readonly kind: 'link'; readonly gone: boolean; readonly link: KernelLink }
  | { readonly kind: 'address'; readonly gone: boolean; readonly address: KernelAddress }
  | { readonly kind: 'route'; readonly gone: boolean; readonly route: KernelRoute }
  | { readonly kind: 'rule'; readonly gone: boolean; readonly rule: KernelRule }
  | { readonly kind: 'other' };

/** Decodes one rtnetlink message of groups RTNLGRP_LINK, _IPV4_IFADDR, _ROUTE, _RULE ... */
export function readRouteEvent(r: MessageReader, m: Message): Decoded<RouteEvent> {
  switch (m.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return wrap(readLink(r, m), (link) => ({ kind: 'link', gone: m.type === RTM_DELLINK, link }));
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return wrap(readAddress(r, m), (address) => ({
        kind: 'address',
        gone: m.type === RTM_DELADDR,
        address,
      }));
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return wrap(readRoute(r, m), (route) => ({
        kind: 'route',
        gone: m.type === RTM_DELROUTE,
        route,
      }));
    case RTM_NEWRULE:
    case RTM_DELRULE:
      return wrap(readRule(r, m), (rule) => ({ kind: 'rule', gone: m.type === RTM_DELRULE, rule }));
    default:
      return { ok: true, value: { kind: 'other' } };
  }
}

function wrap<T>(read: Decoded<T>, to: (value: T) => RouteEvent): Decoded<RouteEvent> {
  return read.ok ? { ok: true, value: to(read.value) } : read;
}
