// `whp test` typed on the router: in a good home, where each measurement has to come out well and nothing may leave
// beside the tunnel, and with a proxy that has stopped answering.
import { checks } from './ask.ts';
import type { Fault, FaultLab } from './fault.ts';
import { cut, mend } from './states.ts';

const WHP = '/usr/bin/whp';
/** The router's address on the WAN. */
const HOME = '198.51.100.10';

interface TestRow {
  readonly subject: string;
  readonly state: string;
  readonly text: string;
}

/** Types `whp test`; a line of each subject for the log. */
async function typed({ router, say }: FaultLab): Promise<{ status: number; rows: TestRow[] }> {
  const { status, stdout } = await router.run(`${WHP} test --json`, { timeout: 60_000 });
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TestRow);
  for (const { subject, state, text } of rows) say(`${state} ${subject}: ${text}`);
  return { status, rows };
}

function textOf(rows: readonly TestRow[], subject: string, state: string): string {
  return rows.find((one) => one.subject === subject && one.state === state)?.text ?? '';
}

export const tested: Fault = {
  name: 'tested',
  injected: 'whp test in a good home, then with a proxy that has stopped answering',
  async run(lab) {
    const check = checks();
    await lab.sleep(3000);
    const since = lab.isp.mark();
    const from = await lab.worldTime();
    const good = await typed(lab);
    const took = (await lab.worldTime()) - from;
    const seen = await lab.isp.sightings(since);
    const beside = seen.filter(({ outer, source }) => outer === undefined && source === HOME);
    await cut(lab);
    await lab.sleep(4000);
    const dead = await typed(lab);
    await mend(lab);
    const held = textOf(good.rows, 'DNS held', 'ok');
    const speed = textOf(good.rows, 'throughput cloud', 'ok');
    const call = textOf(good.rows, 'call skype', 'ok');
    check.that(good.status === 0, `exit status ${good.status} in a good home`);
    check.that(held.startsWith('3 of 3 probe answers waited'), `DNS held: ${held}`);
    check.that(textOf(good.rows, 'largest packet cloud', 'ok') !== '', 'the largest packet');
    check.that(speed !== '', 'the throughput');
    check.that(/by 203\.0\.113\.20; your own address 198\.51\.100\.10 /.test(call), call);
    check.that(took < 20_000, `it took ${took} ms`);
    check.that(beside.length === 0, `${beside.length} packets left beside the tunnel`);
    check.that(dead.status === 5, `exit status ${dead.status} with a dead proxy`);
    check.that(/none of 10/.test(textOf(dead.rows, 'tunnel cloud', 'wrong')), 'the dead tunnel');
    check.that(/REFUSED/.test(textOf(dead.rows, 'call skype', 'wrong')), 'the refused call');
    return {
      ...check.told(`${(took / 1000).toFixed(1)} s; ${held}; ${speed}; ${call}`),
      seconds: null,
    };
  },
};
