// A household for sessions about the agent itself: a call, an unrelated flow and the home's DNS; afterwards
// what was lost of them and of the learned elements.
import type { CallRecord, FaultLab } from './fault.ts';

export interface HouseholdRecord {
  readonly call: CallRecord;
  readonly unrelated: CallRecord;
  readonly dns: CallRecord;
  /** Elements learned before and gone now. */
  readonly forgotten: readonly string[];
  readonly learned: number;
  /** Unrelated packets in the tunnel. */
  readonly strays: number;
  /** All results in one line. */
  readonly text: string;
}

export interface Household {
  /** Ends it. */
  stop(): Promise<HouseholdRecord>;
}

/** The learned set whose elements expire with DNS records. */
const NAMES = 'skype_addr4';

/** Most milliseconds of silence of the home's DNS: the watchdog's five seconds, the end of a process on a
 * busy 24K, and a device's timeout. */
export const SILENCE_MILLISECONDS = 7000;

/** Lookups of an unrelated name by a device that has no call. */
export const SHOP_LOOKUPS = {
  device: 'windows',
  kind: 'dns',
  name: 'www.shop1.example',
  pace: 50,
} as const;

export async function household(lab: FaultLab): Promise<Household> {
  const since = lab.isp.mark();
  const call = await lab.call();
  const name = 'ui.skype.com';
  const named = await lab.call({
    device: 'macbook',
    kind: 'name',
    name,
    remote: { address: '23.96.10.11', port: 7100 },
  });
  // The flow is over: its element is not renewed any more.
  await named.stop();
  const unrelated = await lab.call({
    device: 'macbook',
    kind: 'unrelated',
    remote: { address: '78.46.72.12', port: 7000 },
  });
  const dns = await lab.call(SHOP_LOOKUPS);
  await lab.sleep(500);
  const before = await lab.learned();
  const lives = await expiries(lab, NAMES);
  const began = await lab.worldTime();
  return {
    async stop() {
      const now = new Set(await lab.learned());
      const seconds = ((await lab.worldTime()) - began) / 1000;
      // An element that is not renewed may have expired.
      const isOver = (one: string): boolean =>
        one.startsWith(`${NAMES} `) && (lives.get(one.slice(NAMES.length + 1)) ?? 0) <= seconds;
      const forgotten = before.filter((one) => !now.has(one) && !isOver(one));
      const records = { call: await call.stop(), unrelated: await unrelated.stop() };
      const asked = await dns.stop();
      const strays = lab.isp.strays(since).length;
      const { sent, lost } = records.call;
      const text = [
        `call ${sent.length} packets, ${lost.length} lost`,
        `unrelated ${records.unrelated.lost.length} lost`,
        `DNS silent for ${asked.silence} ms at most`,
        `${forgotten.length} of ${before.length} learned elements lost${forgotten.length > 0 ? ` (${forgotten[0]})` : ''}`,
        ...(strays > 0 ? [`${strays} strays`] : []),
      ].join('; ');
      return { ...records, dns: asked, forgotten, learned: before.length, strays, text };
    },
  };
}

/** No packet lost, no element forgotten, DNS silent within the limit. */
export function unharmed(record: HouseholdRecord, silence = SILENCE_MILLISECONDS): boolean {
  return (
    record.call.lost.length === 0 &&
    record.unrelated.lost.length === 0 &&
    record.dns.silence <= silence &&
    record.forgotten.length === 0 &&
    record.learned > 0 &&
    record.strays === 0
  );
}

/** Seconds until each element of a learned set expires, as the kernel has it, by its first field. */
export async function expiries(lab: FaultLab, set: string): Promise<Map<string, number>> {
  const text = await lab.router.must(`nft -j list set inet whp ${set}`);
  const { nftables } = JSON.parse(text) as {
    nftables: { set?: { elem?: { elem: { val: unknown; expires?: number } }[] } }[];
  };
  const elements = nftables.flatMap(({ set: one }) => one?.elem ?? []);
  return new Map(
    elements.map(({ elem }) => [JSON.stringify(elem.val).replaceAll('"', ''), elem.expires ?? 0]),
  );
}
