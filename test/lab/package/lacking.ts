// Kernel modules whose lack is lived with, taken away one after the other.
import { flat } from '../../lib/alarms.ts';
import { ENFORCING, type Stage } from './stage.ts';

/** A module, and what `whp status` has to say without it. */
const LACKING: readonly (readonly [module: string, said: RegExp])[] = [
  ['nft_queue', /DNS answers cannot be held.*kmod-nft-queue/],
  ['nfnetlink_log', /nothing is announced.*kmod-nfnetlink-log/],
  ['nf_conntrack_netlink', /neither read nor ended.*kmod-nf-conntrack-netlink/],
  ['ip_gre', /no tunnel can be made.*kmod-gre/],
];

/** Each until the agent has said what is weaker. */
export async function lackModules({ must, until }: Stage): Promise<string> {
  const wrong: string[] = [];
  for (const [module, said] of LACKING) {
    await must(
      `/etc/init.d/whp stop; f=$(find /lib/modules/ -name ${module}.ko); echo $f >/tmp/lacking
       mv $f /tmp/lacking.ko && rmmod ${module} && /etc/init.d/whp start`,
    );
    // The first answers are those of an agent that has not loaded its table yet.
    await until(`whp status | tr -s '\\n ' ' ' | grep -q '${said.source}'`).catch(() => 0);
    const status = await must('whp status; nft list table inet whp | grep -c " log "; :');
    if (!said.test(flat(status))) wrong.push(`${module}: ${status}`);
    if (module !== 'ip_gre' && !/^skype /m.test(status)) wrong.push(`${module}: no app: ${status}`);
    await must(
      `/etc/init.d/whp stop; mv /tmp/lacking.ko $(cat /tmp/lacking) && rm /tmp/lacking && modprobe ${module}`,
    );
  }
  await must('/etc/init.d/whp start');
  await until(ENFORCING);
  return wrong.length === 0 ? LACKING.map(([module]) => module).join(' ') : `! ${wrong.join('\n')}`;
}
