// Flows of the benchmark's home, in the world's namespace `home`: one UDP packet to each port of the servers that a
// range of the profile has. Usage: flows NETWORK COUNT, where NETWORK is the first three numbers of an address
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { openDatagrams } from '../world/socket.ts';
import { DEVICES } from './devices.ts';

const [, network = '', total = '0'] = scriptArgs;
/** Packets every EACH milliseconds: each is a flow, which the agent is told of. */
const BURST = 10;
const EACH = 100;
/** The first ports of the range, each on hosts from 1 on. */
const FIRST_PORT = 40_001;
const PORTS = 10;

const [{ address: local }] = DEVICES as [(typeof DEVICES)[number]];
const socket = openDatagrams('neutral', { address: local, port: 0 }, () => {});
let sent = 0;

function send(): void {
  for (let i = 0; i < BURST && sent < Number(total); i += 1, sent += 1) {
    const address = `${network}.${1 + Math.floor(sent / PORTS)}`;
    socket.send({ address, port: FIRST_PORT + (sent % PORTS) }, new Uint8Array(8));
  }
  if (sent < Number(total)) os.setTimeout(send, EACH);
  else std.exit(0);
}
send();
