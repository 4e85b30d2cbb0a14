// A device knows a server's address from elsewhere (DoH): there is no evidence but its ClientHello. The flow is
// cut before the ClientHello leaves; the retry takes the tunnel.
import { checks, probe, withGlobals } from './ask.ts';
import type { Fault } from './fault.ts';

/** Longer than any packet without data. */
const BARE = 100;

export const hello: Fault = {
  name: 'hello',
  injected: 'TLS flows to servers that only their ClientHello names (hello hold)',
  config: withGlobals("option hello 'hold'"),
  mayLeak: 'the handshake with a server that nothing else names',
  async run(lab) {
    const since = lab.isp.mark();
    const check = checks();
    const first = await probe(lab, 'iphone', 'tls application 23.96.44.7 443 ui.skype.com');
    const retry = await probe(lab, 'iphone', 'tls application 23.96.44.7 443 ui.skype.com');
    const long = await probe(lab, 'iphone', 'tls application 23.96.44.8 443 ui.skype.com 1500');
    const other = await probe(lab, 'macbook', 'tls unrelated 104.16.30.99 443 www.shop1.example');
    await lab.sleep(300);
    const to = (address: string, tunnelled: boolean) =>
      lab.isp
        .sightings(since)
        .filter((one) => one.destination === address && one.tunnelled === tunnelled);
    const bare = to('23.96.44.7', false);
    const data = bare.filter(({ length }) => length > BARE).length;
    const longData = to('23.96.44.8', false).filter(({ length }) => length > BARE).length;
    check.that(first.said === 'reset', `the first flow: ${first.said}`);
    check.that(data === 0, `${data} packets with data left directly`);
    check.that(retry.said !== 'reset' && to('23.96.44.7', true).length > 2, 'retry not proxied');
    check.that(long.said === 'reset' && longData <= 1, `long: ${long.said}, ${longData} with data`);
    check.that(other.ok && other.said !== 'reset', `unrelated: ${other.said}`);
    check.that(
      to('104.16.30.99', false).some(({ length }) => length > BARE),
      'unrelated held',
    );
    check.that(to('104.16.30.99', true).length === 0, 'unrelated proxied');
    return {
      ...check.told(
        `cut ${first.ms} ms after its SYN: ${bare.length} handshake packets and 0 of its data had left; retry in the tunnel; long hello: ${longData} segment left before the cut; an unrelated one passed`,
      ),
      seconds: first.ms / 1000,
    };
  },
};
