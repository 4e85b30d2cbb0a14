// kernel/route-monitor: rtnetlink notifications of changes that other programs make to devices, addresses, routes
// and rules. reconcile/repair decides what follows from them.

import * as os from 'qjs:os';
import {
  NETLINK_ROUTE,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV4_RULE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_IPV6_RULE,
  RTNLGRP_LINK,
} from '../netlink/constants.ts';
import { done, type KernelResult } from '../netlink/kernel-error.ts';
import { type RouteEvent, readRouteEvent } from '../netlink/rt-event.ts';
import { closeNetlink, type NetlinkCounters, openNetlink, receive } from './netlink-socket.ts';

const GROUPS = [
  RTNLGRP_LINK,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV4_RULE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_IPV6_RULE,
];

export interface Watch {
  readonly counters: NetlinkCounters;
  close(): void;
}

/** `own`: port id of the agent's request socket, whose changes are left out. `onEvent`: null when notifications
 * were lost. */
export function openWatch(
  own: number,
  onEvent: (event: RouteEvent | null) => void,
): KernelResult<Watch> {
  const opened = openNetlink(NETLINK_ROUTE, { groups: GROUPS, receiveQueue: 1 << 17 });
  if (!opened.ok) return opened;
  const socket = opened.value;
  os.setReadHandler(socket.fd, () => {
    const lost = receive(socket, (message, reader) => {
      if (message.port === own) return;
      const read = readRouteEvent(reader, message);
      if (read.ok) onEvent(read.value);
    });
    if (lost !== 0) onEvent(null);
  });
  const value = { counters: socket.counters, close: () => closeNetlink(socket) };
  return done(value);
}
