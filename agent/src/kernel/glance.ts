// kernel/glance: what the host program looks at packets with before the script runs (agent/native/feeds.c): the
// names of the applications, the names they led devices to, and the other routers of the home. Also the store of open
// questions, which the host program notes strangers' queries in.
import * as feeds from 'whp:feeds';
import type { Ends, QuestionBook } from '../learn/asked-questions.ts';
import { glanceNames } from '../profile/glance-names.ts';
import type { NameMatcher } from '../profile/name-match.ts';
import { MOST_GATEWAYS } from '../ruleset/compile/device-share.ts';
import { hostLessons } from '../ruleset/host-lessons.ts';
import type { State } from '../step/state.ts';
import { macBytes, macText } from '../wire/mac.ts';

export interface HostGlance {
  readonly asked: QuestionBook;
  /** From now on packets are judged by `state`: call it when a state, its `gateways` or `addresses`, those of the
   * router, have changed, in the same turn of the event loop. */
  look(state: State, addresses: readonly string[]): void;
}

/** Of no application. */
const NO_LESSONS = new Uint8Array(6);

let matcher: NameMatcher | null = null;
let names: Uint8Array | null = null;

export const glance: HostGlance = {
  asked: {
    note: (packet, ends, message, from, to, mac, at) => {
      const sender = mac === null ? null : macBytes(mac);
      const known = sender === null ? null : buffer(sender);
      feeds.note(...exchange(packet, ends, message, from, to), known, at);
    },
    find: (packet, ends, message, from, to, now) => {
      const at = feeds.find(...exchange(packet, ends, message, from, to), now, buffer(found));
      if (at === null) return null;
      return { mac: found.every((byte) => byte === 0) ? null : macText(found, 0), at };
    },
    expire: feeds.expire,
  },
  look: ({ policy, observer, gateways }, addresses) => {
    if (observer.matcher !== matcher) {
      matcher = observer.matcher;
      names = glanceNames(matcher);
    }
    if (names === null) {
      feeds.judge(null, null, null, null);
      return;
    }
    const routers = Uint8Array.from(
      Array.from(gateways)
        .slice(0, MOST_GATEWAYS)
        .flatMap((mac) => Array.from(macBytes(mac) ?? [])),
    );
    const lessons = hostLessons(policy, addresses) ?? NO_LESSONS;
    feeds.judge(buffer(names), buffer(observer.aliases.tails), buffer(routers), buffer(lessons));
  },
};

const found = new Uint8Array(6);

function buffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer as ArrayBuffer;
}

function exchange(
  packet: Uint8Array,
  { source, destination, width, ports, protocol }: Ends,
  message: Uint8Array,
  from: number,
  to: number,
): feeds.Exchange {
  const at = packet.byteOffset;
  const start = message.byteOffset;
  return [
    buffer(packet),
    at + source,
    at + destination,
    width,
    at + ports,
    protocol,
    buffer(message),
    start + from,
    start + to,
  ];
}
