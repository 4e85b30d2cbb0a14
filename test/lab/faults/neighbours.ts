// Other programs on the router that use our marks and tables: rules of mwan3 and pbr, a firewall rule that sets
// the whole mark, routes in our tables. `whp check` and `whp status` report each with the option to change; the
// option resolves it; no packet leaves outside the tunnel meanwhile.
import { alarmLines, unbroken } from '../../lib/alarms.ts';
import { configText } from '../mode.ts';
import { checks } from './ask.ts';
import type { Fault, FaultLab } from './fault.ts';

const MWAN3 = `ip route add default via 198.51.100.1 dev eth1 table 1
for f in -4; do
  ip $f rule add pref 1001 iif eth1 lookup 1
  ip $f rule add pref 2001 fwmark 0x100/0x3f00 lookup 1
  ip $f rule add pref 2061 fwmark 0x3d00/0x3f00 blackhole
  ip $f rule add pref 2062 fwmark 0x3e00/0x3f00 unreachable
done
nft add table ip mwan3
nft 'add chain ip mwan3 pre { type filter hook prerouting priority -151; }'
nft 'add rule ip mwan3 pre iifname br-lan meta mark set meta mark and 0xffffc0ff or 0x100'`;
const PBR = `ip route add default via 198.51.100.1 dev eth1 table 256
ip rule add pref 29998 fwmark 0x10000/0xff0000 lookup 256`;
const CLEAN = `for p in 1001 2001 2061 2062 29000 29998; do while ip rule del pref $p 2>/dev/null; do :; done; done
for t in 1 256 15004; do ip route flush table $t 2>/dev/null; done
for t in mwan3 greedy; do nft delete table ip $t 2>/dev/null; done; :`;

const withGlobals = (...lines: string[]): string =>
  configText(true).replace(
    "\tlist lan 'br-lan'\n",
    `\tlist lan 'br-lan'\n${lines.map((line) => `\t${line}\n`).join('')}`,
  );

async function check(lab: FaultLab): Promise<{ status: number; text: string }> {
  const { status, stdout } = await lab.router.run('/usr/bin/whp check', { timeout: 60_000 });
  return { status, text: unbroken(stdout.trim()) };
}

/** The `! collision:` lines of `whp status`, after the agent's next tick. */
async function shown(lab: FaultLab, wanted: string, seconds: number): Promise<string[]> {
  const limit = Date.now() + seconds * 1000;
  for (;;) {
    const { stdout } = await lab.router.run('/usr/bin/whp status', { timeout: 60_000 });
    const lines = alarmLines(stdout).filter((line) => line.startsWith('! collision'));
    const found = wanted === '' ? lines.length === 0 : lines.some((one) => one.includes(wanted));
    if (found || Date.now() > limit) return lines;
    await lab.sleep(1000);
  }
}

export const neighbours: Fault = {
  name: 'neighbours',
  injected:
    'rules as pbr and mwan3 make them, a rule with our bits, a mark written whole, routes in our table',
  async run(lab) {
    const { wrong, that } = checks();
    const seen: string[] = [];
    const one = async (what: string, make: string, wanted: string, seconds: number) => {
      await lab.router.must(make);
      const { status, text } = await check(lab);
      const lines = await shown(lab, wanted, seconds);
      that(status === 1 && text.includes(wanted), `check of ${what}: ${status} ${text}`);
      that(
        lines.some((line) => line.includes(wanted)),
        `status with ${what}: ${lines.join(' ')}`,
      );
      lab.say(text);
      seen.push(what);
    };
    const first = await check(lab);
    that(first.status === 0, `check alone: ${first.text}`);
    await lab.router.must(PBR);
    const pbr = await check(lab);
    that(pbr.status === 0, `check beside pbr: ${pbr.text}`);
    await one('mwan3', MWAN3, 'uci set whp.globals.preference=1500', 12);
    const call = await lab.call({ answered: false });
    await lab.sleep(1500);
    const told = await lab.worldTime();
    await lab.agent.configure(withGlobals("option preference '1500'"));
    const fixed = await check(lab);
    that(fixed.status === 0, `check after the fix: ${fixed.text}`);
    that((await shown(lab, '', 12)).length === 0, 'status still tells of mwan3');
    const after = await lab.call();
    await lab.sleep(1500);
    const [blocked, through] = [await call.stop(), await after.stop()];
    that(through.lost.length === 0, `${through.lost.length} packets lost after the fix`);
    await one(
      'a rule with our bits',
      'ip rule add pref 29000 fwmark 0x1000000/0xff000000 lookup main',
      'uci set whp.globals.mask=0x',
      12,
    );
    // Changes the option during a call: its flows begin anew under the other mark.
    const moving = await lab.call();
    await lab.sleep(500);
    const changed = await lab.worldTime();
    await lab.agent.configure(withGlobals("option preference '1500'", "option mask '0x000000f0'"));
    await lab.sleep(1500);
    const moved = await moving.stop();
    that(
      moved.heard.slice(-40).some((at) => at !== null),
      'the call ended with the other mask',
    );
    const other = await check(lab);
    that(other.status === 0, `check with the other mask: ${other.text}`);
    await lab.router.must('ip rule del pref 29000');
    await one(
      'routes in our table',
      'ip route add 192.0.2.0/24 dev eth1 table 15004',
      'uci set whp.globals.table=16000',
      12,
    );
    await lab.router.must('ip route flush table 15004');
    await one(
      'a mark written whole',
      `nft add table ip greedy; nft 'add chain ip greedy pre { type filter hook prerouting priority -149; }'; nft 'add rule ip greedy pre ip saddr 192.168.1.99 meta mark set 0x1'`,
      'table ip greedy writes all bits',
      40,
    );
    await lab.router.must(CLEAN);
    const last = await check(lab);
    that(last.status === 0, `check at the end: ${last.text}`);
    return {
      ok: wrong.length === 0,
      verdict:
        wrong.length > 0
          ? wrong.join('; ')
          : `named with the fix by check and status: ${seen.join(', ')}; pbr alone: nothing to say; beside mwan3 a call was ${blocked.heard.some((at) => at !== null && at < told) ? 'answered' : 'refused'}, with the preference that was named it goes on, ${through.lost.length} lost; with the mask that was named ${moved.lost.length} lost during the change, answered again after ${moved.answeredAfter(changed)} ms`,
      seconds: null,
    };
  },
};
