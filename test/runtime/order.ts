// What has to hold after every single change of the kernel, in whatever order the agent makes them.
import { RTN_PROHIBIT } from '../../agent/src/netlink/constants.ts';
import { gateName, TABLE } from '../../agent/src/ruleset/names.ts';
import type { FakeKernel } from '../fake/kernel.ts';
import type { FakeStage } from '../scenario/stage.ts';

const DIRECT = gateName('skype', 'direct');
/** Our address in each tunnel. */
const INNER: { readonly [device: string]: string } = {
  'whp-a': '10.200.0.1',
  'whp-b': '10.200.1.1',
};

/** Notes each violation of the order from now on. */
export function guardOrder({ fake }: FakeStage): string[] {
  const violations: string[] = [];
  let before = '';
  fake.onChange = (what) => {
    // Called before a change: what is seen is what the one before has left.
    for (const wrong of wrongIn(fake)) violations.push(`after "${before}": ${wrong}`);
    before = what;
  };
  return violations;
}

/** While a default route leads through one tunnel, or the table lets an app pass beside the tunnels, no entry of the
 * app is bound to the inner address of another tunnel. (A marked packet that is routed to no tunnel is refused by the
 * table itself.) */
function wrongIn({ routing, conntrack, nft }: FakeKernel): string[] {
  const nameOf = (link: number): string =>
    routing.links.find(({ index }) => index === link)?.name ?? '';
  const isDirect = (nft.tables.get(TABLE)?.sets.get(DIRECT)?.elements.size ?? 0) > 0;
  return routing.rules.flatMap(({ family, mark, mask, table }) => {
    const open = routing.routes.find(
      (one) => one.family === family && one.table === table && one.type !== RTN_PROHIBIT,
    );
    const inner = open === undefined ? null : INNER[nameOf(open.link)];
    if (inner === null && !isDirect) return [];
    return conntrack.entries
      .filter((one) => one.family === family && (one.mark & mask) >>> 0 === mark)
      .filter(({ reply }) => Object.values(INNER).includes(reply.destination))
      .filter(({ reply }) => reply.destination !== inner)
      .map(({ reply }) => `a flow as ${reply.destination} while ${inner ?? 'direct'} is open`);
  });
}
