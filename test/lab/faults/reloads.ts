// A hundred reloads during a call, between two configurations that differ: each is one transaction
// that touches only what differs, so no packet of the call is lost and nothing learned.
import { configText } from '../mode.ts';
import type { Fault } from './fault.ts';
import { household, unharmed } from './household.ts';

const TIMES = 100;

/** Another set, other rules, another chain: a rule of the owner's, and devices by MAC. */
const OTHER = `${configText(true)}
config rule 'free'
	option action 'direct'
	option app 'skype'
	list address '93.184.216.0/24'

config rule 'more'
	option action 'proxy'
	option app 'skype'
	list address '23.97.8.0/24'
	option protocol 'udp'
	list port '5000-5010'
`;

export const reloads: Fault = {
  name: 'reloads',
  injected: `${TIMES} reloads during a call, the configuration alternating between two`,
  async run(lab, slowness) {
    await lab.router.put('/tmp/config.a', configText(true), 0o600);
    await lab.router.put('/tmp/config.b', OTHER, 0o600);
    const home = await household(lab);
    const pid = await lab.agent.pid();
    const { stdout } = await lab.router.run(
      `now() { read -r up rest </proc/uptime; echo $up; }
      from=$(now); done=0; changed=0; last=
      for i in $(seq ${TIMES / 2}); do for one in b a; do
        cat /tmp/config.$one >/etc/config/whp
        /usr/bin/whp reload >/tmp/reload.out 2>&1 && done=$((done + 1)) || cat /tmp/reload.out
        stands=$(nft -t list table inet whp | grep -c '!whp: the owner keeps it direct')
        [ "$stands" = "$last" ] || changed=$((changed + 1)); last=$stands
      done; done
      echo reloads $done $changed $from $(now)`,
      // A slow host lists and loads a table in some eight seconds.
      { timeout: 1_500_000 },
    );
    const record = await home.stop();
    const [, done, changed, from, to] =
      /reloads (\d+) (\d+) ([\d.]+) ([\d.]+)/.exec(stdout)?.map(Number) ?? [];
    const each = ((to ?? 0) - (from ?? 0)) / TIMES;
    const same = (await lab.agent.pid()) === pid;
    return {
      ok: unharmed(record, 2000 * slowness) && done === TIMES && (changed ?? 0) >= TIMES && same,
      verdict: `${record.text}; ${done} of ${TIMES} reloads loaded, the table differed after ${changed} of them${same ? '' : '; the agent began anew'}`,
      seconds: each,
    };
  },
};
