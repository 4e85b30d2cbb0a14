// Runs in the quickjs host, once at the far ends of the router's wires and once inside the router: sends
// packets unchanged. A line "IFINDEX FRAME" sends an Ethernet frame on a device, "0 PACKET" an IPv4 packet from
// the router itself, by its routes and through its output hooks.
import * as os from 'qjs:os';
import * as net from 'whp:socket';
import { fromHex } from '../fixtures/bytes.ts';
import { linkAddress, little, readLines } from '../lib/frames.ts';

const IPPROTO_RAW = 255;
const frames = net.socket(net.AF_PACKET, net.SOCK_RAW, 0);
const own = net.socket(net.AF_INET, net.SOCK_RAW, IPPROTO_RAW);

readLines(inject, () => {
  os.close(frames);
  os.close(own);
});

function inject(line: string): void {
  const [index = '', hex = ''] = line.split(' ');
  const bytes = fromHex(hex);
  const [fd, to] =
    index === '0' ? [own, internetAddress(bytes)] : [frames, linkAddress(Number(index))];
  const sent = net.sendto(fd, bytes.buffer, 0, bytes.length, 0, to);
  if (sent !== bytes.length) throw new Error(`inject on ${index}: ${sent}`);
}

/** struct sockaddr_in with the packet's destination; the packet has its own IP header. */
function internetAddress(packet: Uint8Array): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint16(0, net.AF_INET, little);
  new Uint8Array(view.buffer).set(packet.subarray(16, 20), 4);
  return view.buffer;
}
