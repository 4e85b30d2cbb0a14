// All fuzz targets in the order of running.

import type { Target } from './target.ts';
import { address } from './targets/address.ts';
import { questions } from './targets/asked.ts';
import { dns } from './targets/dns.ts';
import { kept } from './targets/kept.ts';
import { netlink } from './targets/netlink.ts';
import { netlinkRound } from './targets/netlink-round.ts';
import { packet } from './targets/packet.ts';
import { pcap } from './targets/pcap.ts';
import { policy } from './targets/policy.ts';
import { portmap } from './targets/portmap.ts';
import { profile } from './targets/profile.ts';
import { question } from './targets/question.ts';
import { steps } from './targets/step.ts';
import { stream } from './targets/stream.ts';
import { tls } from './targets/tls.ts';
import { uci } from './targets/uci.ts';

export const TARGETS: readonly Target[] = [
  packet,
  dns,
  stream,
  portmap,
  tls,
  pcap,
  address,
  ...netlink,
  netlinkRound,
  uci,
  policy,
  profile,
  kept,
  question,
  questions,
  steps,
];
