// Flows of the benchmark's home, in the world's namespace `home`: one UDP packet to each of many ports of a server.
// Usage: flows ADDRESS COUNT
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { openDatagrams } from '../world/socket.ts';
import { DEVICES } from './devices.ts';

const [, address = '', total = '0'] = scriptArgs;
/** Packets every EACH milliseconds: what the router takes in without a loss. */
const BURST = 10;
const EACH = 10;
const FIRST_PORT = 20_000;

const [{ address: local }] = DEVICES as [(typeof DEVICES)[number]];
const socket = openDatagrams('neutral', { address: local, port: 0 }, () => {});
let sent = 0;

function send(): void {
  for (let i = 0; i < BURST && sent < Number(total); i += 1, sent += 1) {
    socket.send({ address, port: FIRST_PORT + sent }, new Uint8Array(8));
  }
  if (sent < Number(total)) os.setTimeout(send, EACH);
  else std.exit(0);
}
send();
