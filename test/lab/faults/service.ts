// The agent as a service: the package's init script under the lab's stand-ins for rc.common and procd
// (test/lab/package/root), for sessions about boot and restart. A session installs and removes it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../machine/paths.ts';
import type { FaultLab } from './fault.ts';
import { NO_STATE } from './setting.ts';

const INIT = '/etc/init.d/whp';
const STAND_INS = [
  '/etc/rc.common',
  '/usr/lib/functions.sh',
  '/usr/lib/functions/procd.sh',
  '/usr/lib/lab/lock.sh',
  '/usr/lib/lab/supervise',
];
/** Where the stand-in for procd writes what the agent says. */
const LOG = '/tmp/log';
const ENFORCING = 'whp: enforcing';
const PID = '/tmp/procd/whp/instance/pid';
const SUPERVISOR = '/tmp/procd/whp/instance/supervisor';

export interface Service {
  /** `boot`, `start`, `stop` or `restart`; resolves when the script has ended. */
  run(action: 'boot' | 'start' | 'stop' | 'restart'): Promise<void>;
  /** Until the agent has said once more than `before` times that it enforces. */
  enforces(before: number): Promise<number>;
  starts(): Promise<number>;
  pid(): Promise<number>;
  /** The kernel and all files in memory begin anew, with the network down; what is on the flash stays. */
  powerOff(): Promise<void>;
}

/** Installs and starts it, in the place of the session's own supervisor; `act` may stop it. */
export async function asService<T>(
  lab: FaultLab,
  act: (service: Service) => Promise<T>,
): Promise<T> {
  const { router } = lab;
  const service = serviceOf(lab);
  await lab.agent.stop();
  const root = join(projectRoot(), 'test/lab/package/root');
  for (const path of STAND_INS) await router.put(path, readFileSync(join(root, path)), 0o755);
  const init = readFileSync(join(projectRoot(), 'openwrt-package/files/whp.init'));
  await router.put(INIT, init, 0o755);
  // rc.common is read from where OpenWrt has /lib.
  await router.must(
    `[ -e /lib/functions.sh ] || ln -s /usr/lib/functions.sh /lib/functions.sh; : >${LOG}`,
  );
  try {
    await service.run('start');
    await service.enforces(0);
    return await act(service);
  } finally {
    const said = await router.run(`tail -n 15 ${LOG}`);
    lab.say(`the service says at its end\n${said.stdout.trim()}`);
    await service.run('stop').catch(() => {});
    await router.run(
      `for p in $(cat ${SUPERVISOR} ${PID} 2>/dev/null); do kill -9 $p; done
      rm -rf /tmp/procd ${STAND_INS.join(' ')} ${INIT}; nft delete table inet whp_boot`,
    );
  }
}

function serviceOf({ router, inject }: FaultLab): Service {
  const service: Service = {
    async run(action) {
      // The package's script for the firewall is not there, which rc.common answers with a status.
      await router.run(`${INIT} ${action} </dev/null >/dev/null 2>&1`, { timeout: 90_000 });
    },
    enforces: (before) => inject(':', `[ $(grep -cF '${ENFORCING}' ${LOG}) -gt ${before} ]`, 60),
    starts: async () => Number((await router.run(`grep -cF '${ENFORCING}' ${LOG}`)).stdout.trim()),
    pid: async () => Number(await router.must(`cat ${PID}`)),
    async powerOff() {
      // As procd ends what runs, when the network is gone; nothing of it is started again.
      await router.must(
        `ip link set eth1 down; ip link set br-lan down
        kill -9 $(cat ${SUPERVISOR})
        p=$(cat ${PID}); kill -TERM $p
        for i in $(seq 100); do [ -d /proc/$p ] || break; sleep 0.1; done
        kill -9 $p 2>/dev/null
        for e in /proc/[0-9]*/exe; do [ "$(readlink $e)" != /usr/lib/whp/whp-host ] || exit 1; done
        ${NO_STATE}
        rm -rf /tmp/procd; : >${LOG}`,
        { timeout: 60_000 },
      );
    },
  };
  return service;
}

/** netifd's part of a boot: devices up, the default route, and of the addresses the one that the kernel takes
 * from a device that is down. */
export const NETWORK_UP = `ip link set br-lan up; ip link set eth1 up
ip -6 address replace fd00:c0a8:1::1/64 dev br-lan nodad
ip route replace default via 198.51.100.1 dev eth1`;
