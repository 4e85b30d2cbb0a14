// Runs in the quickjs host at the far ends of the router's wires: sends frames unchanged. One line "IFINDEX
// HEX" in, one line "ok" or "error -ERRNO" out after the kernel has taken the frame.
import * as os from 'qjs:os';
import * as net from 'whp:socket';
import { fromHex } from '../fixtures/bytes.ts';
import { linkAddress, readLines } from '../lib/frames.ts';

const ETH_P_ALL_NONE = 0;
const fd = net.socket(net.AF_PACKET, net.SOCK_RAW, ETH_P_ALL_NONE);

readLines(
  (line) => answer(inject(line)),
  () => os.close(fd),
);

function inject(line: string): string {
  const [index = '', hex = ''] = line.split(' ');
  const frame = fromHex(hex);
  const sent = net.sendto(fd, frame.buffer, 0, frame.length, 0, linkAddress(Number(index)));
  return sent === frame.length ? 'ok' : `error ${sent}`;
}

function answer(line: string): void {
  const bytes = Uint8Array.from([...`${line}\n`].map((char) => char.charCodeAt(0)));
  os.write(1, bytes.buffer, 0, bytes.length);
}
