// A device lies about who it is, and has others lie: datagrams to supernodes from addresses that are not its
// own, until whatever counts sources is full; answers of a server that is nobody's resolver, with addresses
// of its choice. Another device's call, begun afterwards, is proxied, and its bank is reached directly. A
// supernode that sends one connection request after the other, and so holds a device's window open, is named.
import { BANK_ADDRESS, LIAR_ADDRESS, SHOP_ADDRESS, SUPERNODES } from '../world/plan.ts';
import { ways } from './arrivals.ts';
import { checks, probe } from './ask.ts';
import type { Fault } from './fault.ts';

const FORGED = 600;
const PER_SECOND = 100;
const CALL = 2000;
/** More requests of one supernode than any call needs: six seconds of them. */
const [REQUESTS, A_SECOND] = [60, 10];
const NODE = SUPERNODES[0]!.address;

export const forged: Fault = {
  name: 'forged',
  injected: `a device sends ${FORGED} datagrams to supernodes from forged addresses and ports, asks a liar for a name, and is sent ${REQUESTS} connection requests in a row`,
  async run(lab) {
    const check = checks();
    const bank = await lab.call({
      device: 'iphone',
      kind: 'unrelated',
      remote: { address: SHOP_ADDRESS, port: 7000 },
    });
    const flood = await lab.play('ubuntu', 'flood', ['forged', FORGED, PER_SECOND], () => {});
    await flood.done;
    const since = lab.isp.mark();
    await probe(lab, 'ubuntu', `ask ${LIAR_ADDRESS} chosen.skype.com A`);
    const call = await lab.call({ device: 'iphone' });
    for (const address of [BANK_ADDRESS, SHOP_ADDRESS]) {
      const seen = await probe(lab, 'iphone', `tcp unrelated ${address} 443`);
      check.that(seen.ok, `${address}: no connection`);
    }
    await lab.sleep(CALL);
    const media = await call.stop();
    const requests = await lab.play('xbox', 'flood', ['requests', REQUESTS, A_SECOND], () => {});
    await requests.done;
    const named = JSON.stringify(await lab.agent.status()).includes(NODE);
    check.that(named, `status does not name ${NODE}, which sent ${REQUESTS} requests`);
    const other = await bank.stop();
    const { tunnel, direct } = ways(lab, since, new Set([call.remote.address]));
    const chosen = ways(lab, since, new Set([BANK_ADDRESS, SHOP_ADDRESS]));
    check.that(tunnel > 0, 'nothing of the call in the tunnel');
    check.that(direct === 0, `${direct} packets of the call direct`);
    check.that(chosen.tunnel === 0, `${chosen.tunnel} packets of the bank proxied`);
    return {
      ...check.told(
        `the call ${tunnel}/${direct} in the tunnel/direct, ${media.lost.length} of ${media.sent.length} lost; the bank ${chosen.tunnel}/${chosen.direct}, its live flow silent for ${other.silence} ms`,
      ),
      seconds: null,
    };
  },
};
