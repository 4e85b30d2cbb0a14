// Totals and graphs survive a reboot: the agent writes them to flash at its end and reads them at its start.
import type { TotalAnswer, TotalsAnswer } from '../../../agent/src/answers/rpc.ts';
import type { Fault, FaultLab } from './fault.ts';

/** Above the ten seconds after which the list of connections is read again. */
const UNTIL_COUNTED = 13_000;
const KEPT = ['app skype', 'device 192.168.1.11', 'proxy cloud'];

async function counted({ router }: FaultLab): Promise<Map<string, TotalAnswer>> {
  const text = await router.must('/usr/bin/whp flows --totals --json', { timeout: 60_000 });
  const { rows } = JSON.parse(text) as TotalsAnswer;
  return new Map(rows.map((row) => [row.subject, row]));
}

const told = (rows: ReadonlyMap<string, TotalAnswer>): string =>
  KEPT.map(
    (name) => `${name} ${rows.get(name)?.bytes_up ?? '-'}/${rows.get(name)?.bytes_down ?? '-'}`,
  ).join(', ');

export const history: Fault = {
  name: 'history',
  injected: 'the agent is stopped after a call, and started again',
  async run(lab) {
    const call = await lab.call({ device: 'iphone' });
    await lab.sleep(2000);
    await call.stop();
    await lab.sleep(UNTIL_COUNTED);
    const before = await counted(lab);
    await lab.agent.stop();
    const bytes = Number(await lab.router.must('wc -c </etc/whp/history'));
    await lab.agent.start();
    const after = await counted(lab);
    const ok = KEPT.every((name) => {
      const [one, other] = [before.get(name), after.get(name)];
      if (one === undefined || other === undefined) return false;
      const isSame = one.bytes_up === other.bytes_up && one.bytes_down === other.bytes_down;
      return one.bytes_up > 1000 && isSame;
    });
    const verdict = `bytes up and down before: ${told(before)}; after: ${told(after)}; ${bytes} bytes on the flash`;
    return { ok, verdict, seconds: null };
  },
};
