// The benchmark's home devices, in the world's namespace `home`: send queries by turns at a steady rate, independent
// of the answers. Prints how many they sent and how many answers they received.
// Usage: asker SERVER RATE COUNT PHASE PERCENT-MATCHING
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { monotonic, SO_BINDTODEVICE, setsockopt } from 'whp:socket';
import { check, openDatagrams, SOL_SOCKET } from '../world/socket.ts';
import { labelOf, OTHER_DOMAIN, OUR_DOMAIN, queryFor } from './answer.ts';
import { DEVICES } from './devices.ts';

const [, address = '198.51.100.53', rate = '100', count = '1000', phase = 'a1', matching = '0'] =
  scriptArgs;
/** Source ports used in turn: the number of connections in the router's conntrack. */
const SOCKETS = 16;
/** Milliseconds to wait for late answers. */
const PATIENCE = 500;

let received = 0;
const sockets = Array.from({ length: SOCKETS }, (_, at) => {
  // Each fourth query can match, and these are of all devices.
  const device = DEVICES[(at >> 2) % DEVICES.length]!;
  const socket = openDatagrams('neutral', { address: device.address, port: 0 }, () => {
    received += 1;
  });
  const name = Uint8Array.from([...device.name, '\0'], (letter) => letter.charCodeAt(0));
  check(setsockopt(socket.fd, SOL_SOCKET, SO_BINDTODEVICE, name.buffer), 'SO_BINDTODEVICE');
  return socket;
});
const server = { address, port: 53 };
const [perSecond, total, percent] = [Number(rate), Number(count), Number(matching)];
const start = monotonic();
let sent = 0;
let failed = 0;

function ask(): void {
  const due = Math.min(total, Math.floor(((monotonic() - start) * perSecond) / 1000) + 1);
  while (sent < due) {
    // Evenly distributed: with five percent every twentieth query matches.
    const ours = Math.floor(((sent + 1) * percent) / 100) > Math.floor((sent * percent) / 100);
    const query = queryFor(sent & 0xffff, labelOf(phase, sent), ours ? OUR_DOMAIN : OTHER_DOMAIN);
    if (sockets[sent % SOCKETS]!.send(server, query) < 0) failed += 1;
    sent += 1;
  }
  if (sent < total) {
    os.setTimeout(ask, Math.max(0, start + (sent * 1000) / perSecond - monotonic()));
    return;
  }
  const seconds = (monotonic() - start) / 1000;
  os.setTimeout(() => {
    std.out.puts(`${JSON.stringify({ sent, failed, received, seconds })}\n`);
    std.exit(0);
  }, PATIENCE);
}
ask();
