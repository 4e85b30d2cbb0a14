// The agent on the router under a stand-in for procd: a shell loop that starts it again after its end, as the
// init script configures procd.
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusAnswer } from '../../../agent/src/answers/status.ts';
import type { Machine, Spawned } from '../machine/machine.ts';
import type { RouterAgent } from './fault.ts';

const LOG = '/tmp/whp.log';
const PID = '/tmp/whp.pid';
const MEMORY = '/tmp/whp.memory';
/** Seconds from an end to the next start: procd's respawn timeout in the init script (a test compares the two). */
export const RESPAWN = 1;

const supervisor = (environment: string): string => `
trap 'kill $child 2>/dev/null; wait $child; exit 0' TERM
while :; do
  # A session may leave it with next to no memory.
  [ -e ${MEMORY} ] && export WHP_MEMORY_MB=$(cat ${MEMORY}) || unset WHP_MEMORY_MB
  ${environment} /usr/bin/whp daemon >>${LOG} 2>&1 &
  child=$!
  echo $child >${PID}
  wait $child
  echo "supervisor: the agent ended with $?" >>${LOG}
  sleep ${RESPAWN}
done`;

export function routerAgent(router: Machine): RouterAgent {
  let running: Spawned | null = null;
  const agent: RouterAgent = {
    async start(environment = '') {
      await router.must(`: >${LOG}; rm -f ${PID}`);
      running = await router.spawn(supervisor(environment), () => {});
      await agent.enforcingAgain(0);
    },
    async stop() {
      if (running === null) return;
      const { done, pid } = running;
      running = null;
      await router.run(`kill -TERM ${pid}`);
      await Promise.race([done, sleep(15_000, undefined, { ref: false })]);
      await router.run(`kill -9 ${pid} $(cat ${PID}) 2>/dev/null; rm -f ${PID}`);
    },
    async pid() {
      return Number(await router.must(`cat ${PID}`));
    },
    async starts() {
      return Number((await router.run(`grep -c '^whp: enforcing' ${LOG}`)).stdout.trim());
    },
    async enforcingAgain(before, limitSeconds = 60) {
      const limit = Date.now() + limitSeconds * 1000;
      while ((await agent.starts()) <= before) {
        if (Date.now() > limit) throw new Error(`the agent does not enforce: ${await agent.log()}`);
        await sleep(200);
      }
    },
    log: async () => (await router.run(`cat ${LOG}`)).stdout,
    async status() {
      const text = await router.must('/usr/bin/whp status --json', { timeout: 60_000 });
      return JSON.parse(text) as StatusAnswer;
    },
    async configure(text) {
      await router.put('/etc/config/whp', text, 0o600);
      const { stdout, stderr } = await router.run('/usr/bin/whp reload', { timeout: 60_000 });
      return stdout + stderr;
    },
  };
  return agent;
}
