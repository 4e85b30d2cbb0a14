// Every kind of flood for ten seconds each, while other devices have a call and resolve names and connect to
// them. None of their packets leaves outside the tunnel, and the home's DNS works.
import { arrivals, toldArrivals, ways } from './arrivals.ts';
import { checks } from './ask.ts';
import type { Fault, FaultLab, Finding } from './fault.ts';
import { withRoom } from './floods.ts';
import { SHOP_LOOKUPS, SILENCE_MILLISECONDS } from './household.ts';

const SECONDS = 10;
const ARRIVAL = 300;
const DNS_PACE = 100;
/** Share of the names that must be answered within five tries. */
const ANSWERED = 0.9;

/** Floods of DNS: a 24K has no time to learn then; answers for names of an app are refused for all devices,
 * and asked for again. */
const OF_DNS: readonly string[] = ['names', 'strangers', 'askers'];

/** Kinds of world/flood.ts, and their rates a second. */
export const FLOODS = [
  ['names', 150],
  ['names', 400],
  ['strangers', 280],
  ['askers', 60],
  ['askers', 400],
  // Runs before `ports`: a device that has used up its share of ports learns none for its peers.
  ['peers', 1000],
  ['ports', 1000],
  ['forged', 100],
] as const;

interface Seen {
  readonly name: string;
  readonly text: string;
  readonly wrong: readonly string[];
}

async function endure(lab: FaultLab, kind: string, rate: number): Promise<Seen> {
  const since = lab.isp.mark();
  const dns = await lab.call({ ...SHOP_LOOKUPS, pace: DNS_PACE });
  const flood = await lab.play('ubuntu', 'flood', [kind, rate * SECONDS, rate], () => {});
  const fresh = await arrivals(lab, { device: 'macbook', pace: ARRIVAL });
  await flood.done;
  const record = await fresh.stop();
  const asked = await dns.stop();
  const { tunnel, direct } = ways(lab, since, fresh.remotes);
  const name = `${kind} ${rate}/s`;
  const mayRefuse = OF_DNS.includes(kind);
  const enough = record.asked * (mayRefuse ? 0 : ANSWERED);
  return {
    name,
    text: `${name}: ${tunnel}/${direct}, ${toldArrivals(record)}, DNS silent for ${asked.silence} ms`,
    wrong: [
      ...(direct === 0 ? [] : [`${direct} packets direct to names resolved meanwhile`]),
      ...(tunnel > 0 || mayRefuse ? [] : ['nothing in the tunnel']),
      ...(record.answered >= enough ? [] : [toldArrivals(record)]),
      ...(asked.silence <= SILENCE_MILLISECONDS ? [] : [`DNS silent for ${asked.silence} ms`]),
    ],
  };
}

async function endureAll(lab: FaultLab): Promise<Finding> {
  const check = checks();
  const call = await lab.call({ device: 'iphone' });
  const told: string[] = [];
  for (const [kind, rate] of FLOODS) {
    const { name, text, wrong } = await endure(lab, kind, rate);
    lab.say(`flood-and-call: ${text}`);
    told.push(text);
    for (const what of wrong) check.that(false, `${name}: ${what}`);
  }
  // A device without a learned port so far.
  const since = lab.isp.mark();
  const late = await lab.call({ device: 'xbox' });
  await lab.sleep(1000);
  const { tunnel, direct } = ways(lab, since, new Set([late.remote.address]));
  check.that(tunnel > 0 && direct === 0, `a call afterwards ${tunnel}/${direct}`);
  const [media, last] = [await call.stop(), await late.stop()];
  return {
    ...check.told(
      `names in the tunnel/direct: ${told.join('; ')}; the call ${media.lost.length} of ${media.sent.length} lost; a call afterwards ${last.lost.length} of ${last.sent.length}`,
    ),
    seconds: null,
  };
}

export const floodAndCall: Fault = {
  name: 'flood-and-call',
  injected: `${FLOODS.length} floods of one device, ${SECONDS} s each, beside a call and names resolved meanwhile`,
  run: (lab) => withRoom(lab, () => endureAll(lab)),
};
