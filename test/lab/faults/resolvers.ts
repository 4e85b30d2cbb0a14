// A device uses other resolvers: plain DNS is redirected to the router, DoT and known DoH are refused at once,
// and status names the device.
import { checks, probe, withGlobals } from './ask.ts';
import type { Fault } from './fault.ts';

export const resolvers: Fault = {
  name: 'resolvers',
  injected: 'a device that asks 104.16.30.53, DoT and DoH',
  config: withGlobals(
    "option dns_redirect '1'",
    "option dns_reject_dot '1'",
    "option dns_reject_doh '1'",
  ),
  async run(lab) {
    const check = checks();
    // No server has that address: an answer proves the redirect.
    const dns = await probe(lab, 'iphone', 'ask 104.16.30.53 fast3.skype.com A');
    const dot = await probe(lab, 'iphone', 'tcp unrelated 104.16.30.53 853');
    const doh = await probe(lab, 'iphone', 'tcp unrelated 1.1.1.1 443');
    const web = await probe(lab, 'iphone', 'tcp unrelated 104.16.30.99 443');
    const learned = await lab.learned();
    const status = await lab.agent.status();
    check.that(dns.addresses?.includes('23.97.7.13') === true, 'no answer');
    check.that(learned.includes('skype_addr4 23.97.7.13'), 'not learned');
    check.that(!dot.ok && dot.errno === '111', `DoT: ${dot.errno}`);
    check.that(!doh.ok && doh.errno === '111', `DoH: ${doh.errno}`);
    check.that(web.ok, 'an ordinary server on port 443 is refused');
    const bypass = status.bypass.map(({ address, how }) => `${address} ${how.join(' ')}`).join();
    check.that(bypass === '192.168.1.11 dns doh dot', bypass);
    return {
      ...check.told(
        `answered by the router in ${dns.ms} ms and learned; DoT refused in ${dot.ms} ms, DoH in ${doh.ms} ms; status ${bypass}`,
      ),
      seconds: null,
    };
  },
};
