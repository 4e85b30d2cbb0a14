// Runs in the host in a fresh network namespace: the measurements of `whp test` over a veth pair whose far end answers,
// drops or fragments. One line a claim.
import { type Echoes, openEchoes } from '../../agent/src/kernel/echoes.ts';
import { queuedSoFar, timeHeld } from '../../agent/src/kernel/held-probe.ts';
import { askThrough, ownAddress } from '../../agent/src/kernel/own-address.ts';
import { runProgram } from '../../agent/src/os/process.ts';
import { claimLater, finish, holds, same } from './claims.ts';

async function shell(text: string): Promise<string> {
  const { status, stdout, stderr } = await runProgram(['sh', '-ec', text]);
  if (status !== 0) throw new Error(`${text}: ${stderr}`);
  return stdout;
}

await shell(`
ip link set lo up
ip link add br-lan type veth peer name dev0
ip address add 192.168.1.1/24 dev br-lan
ip link set br-lan up; ip link set dev0 up
ip link add tun type veth peer name far; ip link set far up
ip link set tun up`);
const index = Number(await shell('ip -o link show br-lan | cut -d: -f1'));
const lan = { name: 'br-lan', index, address: Uint8Array.of(192, 168, 1, 1) };

await claimLater('a probe answer that nothing holds leaves at once', async () => {
  const times = await timeHeld(lan, 3);
  holds(Array.isArray(times) && times.length === 3, JSON.stringify(times));
  holds(
    (times as number[]).every((one) => one !== null && one < 500),
    JSON.stringify(times),
  );
});

await claimLater('one that is dropped on its way does not', async () => {
  await shell(
    "nft 'table ip t { chain o { type filter hook output priority 0; udp sport 53 counter drop; }; }'",
  );
  same(await timeHeld(lan, 1), [null]);
  const seen = await shell('nft list table ip t; nft delete table ip t');
  holds(seen.includes('counter packets 1 '), seen);
});

await claimLater('the rules see port 53 towards the lan device, as of the resolver', async () => {
  await shell(
    `nft 'table inet t { chain o { type filter hook output priority 0; oifname "br-lan" udp sport 53 udp length 42 counter; }; }'`,
  );
  await timeHeld(lan, 2);
  const seen = await shell('nft list table inet t; nft delete table inet t');
  holds(seen.includes('counter packets 2 '), seen);
});

await claimLater('without a reader of the queue nothing is counted', async () => {
  same(queuedSoFar(5300), null);
});

await claimLater('a lan device that is gone is an error', async () => {
  const gone = await timeHeld({ ...lan, name: 'none' }, 1);
  holds(typeof gone === 'number' && gone < 0, JSON.stringify(gone));
});

await claimLater(
  'the own address is that of the route; without a route there is none',
  async () => {
    same(ownAddress('192.168.1.77'), '192.168.1.1');
    same(ownAddress('203.0.113.20'), null);
    same(ownAddress('nonsense'), null);
  },
);

await claimLater('a resolver that is silent has no answer', async () => {
  same(await askThrough('tun', 'who.example', '192.0.2.53'), null);
  same(await askThrough('none', 'who.example', '192.0.2.53'), null);
});

await claimLater('echoes to nobody: each has no time, and the wait is bounded', async () => {
  const echoes = openEchoes('tun', '10.9.9.9');
  holds(typeof echoes !== 'number', `${echoes as number}`);
  const line = echoes as Echoes;
  same(await line.ask([84, 84], 10, 100), [null, null]);
  const { replies, lost, sent } = await line.fill(84, 100);
  same([replies, lost], [0, sent]);
  line.close();
  holds(typeof openEchoes('none', '10.9.9.9') === 'number', 'a device that is not there');
});

await claimLater('echoes to this machine: each has a time, whatever its size', async () => {
  const line = openEchoes('lo', '127.0.0.1') as Echoes;
  const times = await line.ask([84, 1500, 9000], 5, 1000);
  holds(
    times.every((one) => one !== null && one >= 0),
    JSON.stringify(times),
  );
  const { sent, replies, lost } = await line.fill(1400, 300);
  holds(sent > 20 && sent <= 160 && replies > 0 && lost === 0, `${sent} ${replies} ${lost}`);
  line.close();
});
finish();
