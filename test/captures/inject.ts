// Runs in the quickjs host, once at the far end of the router's wires and once inside the router:
// sends packets as they are. A line "IFINDEX FRAME" puts an Ethernet frame on a wire, "0 PACKET"
// sends an IPv4 packet of the router's own, by its routes and through its output hooks.
import * as os from 'qjs:os';
import * as net from 'whp:socket';

const IPPROTO_RAW = 255;
const frames = net.socket(net.AF_PACKET, net.SOCK_RAW, 0);
const own = net.socket(net.AF_INET, net.SOCK_RAW, IPPROTO_RAW);
const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
const input = new ArrayBuffer(65536);
let text = '';

os.setReadHandler(0, () => {
  const count = os.read(0, input, 0, input.byteLength);
  if (count <= 0) {
    os.setReadHandler(0, null);
    os.close(frames);
    os.close(own);
    return;
  }
  for (const byte of new Uint8Array(input, 0, count)) text += String.fromCharCode(byte);
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
    inject(text.slice(0, end));
    text = text.slice(end + 1);
  }
});

function inject(line: string): void {
  const [index = '', hex = ''] = line.split(' ');
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  const sent =
    index === '0'
      ? net.sendto(own, bytes.buffer, 0, bytes.length, 0, internetAddress(bytes))
      : net.sendto(frames, bytes.buffer, 0, bytes.length, 0, linkAddress(Number(index)));
  if (sent !== bytes.length) throw new Error(`inject on ${index}: ${sent}`);
}

/** struct sockaddr_ll: the frame brings its own addresses. */
function linkAddress(index: number): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint16(0, net.AF_PACKET, little);
  view.setInt32(4, index, little);
  return view.buffer;
}

/** struct sockaddr_in: where the packet goes; it has its own header. */
function internetAddress(packet: Uint8Array): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint16(0, net.AF_INET, little);
  new Uint8Array(view.buffer).set(packet.subarray(16, 20), 4);
  return view.buffer;
}
