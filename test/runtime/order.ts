// An invariant that must hold after each change of the kernel.
import { RTN_PROHIBIT } from '../../agent/src/netlink/constants.ts';
import { gateName, TABLE } from '../../agent/src/ruleset/names.ts';
import type { FakeKernel } from '../fake/kernel.ts';
import type { FakeStage } from '../scenario/stage.ts';

const DIRECT = gateName('skype', 'direct');
/** The agent's inner address in each tunnel. */
const INNER: { readonly [device: string]: string } = {
  'whp-a': '10.200.0.1',
  'whp-b': '10.200.1.1',
};

/** Checks the invariant from now on; returns the list of violations, which grows. */
export function guardOrder({ fake }: FakeStage): string[] {
  const violations: string[] = [];
  let before = '';
  fake.onChange = (what) => {
    // Called before a change: the state is that after the previous change.
    for (const wrong of wrongIn(fake)) violations.push(`after "${before}": ${wrong}`);
    before = what;
  };
  return violations;
}

/** While the default route of an app is a tunnel, or its gate `direct` is set, no conntrack entry of the app is
 * bound to the inner address of another tunnel. (The table rejects marked packets that are routed to no tunnel.) */
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
