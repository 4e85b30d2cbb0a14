// nft commands of other programs while a device resolves one new name of the app after the other: nft reads the
// ruleset again after each commit of another program, so `fw4 reload` could run as long as answers are learned.
// Compared with no queries; with a call and another device's DNS.
import { checks } from './ask.ts';
import type { Fault, FaultLab } from './fault.ts';
import { worldProgram } from './programs.ts';

const FLOOD = worldProgram('flood');
/** Number of names, and their rate a second, within the rate of one device; a slow router gets fewer. */
const [NAMES, PER_SECOND] = [400, 10];
/** Milliseconds until the burst is used up. */
const BURST = 6000;
const TIMES = 4;
const COMMANDS = ['nft -f /etc/nftables/fw4.nft', 'nft list ruleset'] as const;
/** Most milliseconds of nft in addition to those without queries, and of silence of another device's DNS: a
 * stub resolver's timeout (resolv.conf(5)). */
const LIMIT = 5000;

/** Milliseconds of each of COMMANDS, sorted. */
async function times({ router }: FaultLab): Promise<number[][]> {
  const found: number[][] = [];
  for (const command of COMMANDS) {
    const script = `
for i in $(seq ${TIMES}); do
  read a rest </proc/uptime
  ${command} >/dev/null || exit 1
  read b rest </proc/uptime
  echo "$a $b"
done`;
    const text = await router.must(script, { timeout: 120_000 });
    const lines = text.trim().split('\n');
    const took = lines.map((line) => line.split(' ').map(Number));
    found.push(
      took.map(([from = 0, to = 0]) => Math.round((to - from) * 1000)).sort((a, b) => a - b),
    );
  }
  return found;
}

export const foreign: Fault = {
  name: 'foreign-nft',
  injected: `fw4 reload and nft list ruleset while a device resolves ${PER_SECOND} new names of the application a second`,
  async run(lab, slowness) {
    const [names, rate] = [NAMES / slowness, PER_SECOND / slowness].map(Math.ceil) as [
      number,
      number,
    ];
    const check = checks();
    const call = await lab.call();
    const dns = await lab.call({ device: 'macbook', kind: 'dns', name: 'ui.skype.com', pace: 200 });
    const quiet = await times(lab);
    let said = '';
    const words = `names ${names} ${rate}`;
    const flood = await lab.world.spawn(`exec ip netns exec ubuntu ${FLOOD} ${words}`, (line) => {
      said = line;
    });
    await lab.sleep(BURST);
    const taught = await times(lab);
    const { status } = await flood.done;
    check.that(status === 0, `the flood ended with ${status}`);
    const [media, asked] = [await call.stop(), await dns.stop()];
    const learned = (await lab.learned()).filter((one) => one.startsWith('skype_addr4 '));
    const { answered = 0 } = JSON.parse(said) as { answered?: number };
    const [slowest, alone] = [Math.max(...taught.flat()), Math.max(...quiet.flat())];
    check.that(slowest <= LIMIT + alone, `${slowest} ms, with nobody asking ${alone} ms`);
    check.that(answered >= names - 2, `${answered} of ${names} answered`);
    check.that(learned.length >= names - 2, `${learned.length} learned`);
    check.that(media.lost.length <= 2, 'the call suffered');
    check.that(asked.lost.length === 0 && asked.silence < LIMIT, "another device's DNS suffered");
    const rows = COMMANDS.map(
      (command, i) =>
        `${command} ${taught[i]!.join(' ')} ms (${quiet[i]!.join(' ')} with nobody asking)`,
    );
    return {
      ...check.told(
        `${rows.join(', ')}; ${answered} of ${names} names at ${rate} a second answered, ${learned.length} addresses learned; call ${media.lost.length} of ${media.sent.length} lost, another device's DNS silent for ${asked.silence} ms at most`,
      ),
      seconds: null,
    };
  },
};
