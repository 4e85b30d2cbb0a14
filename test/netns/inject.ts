// Runs in the quickjs host, in the namespace at the far end of the router's wires: puts frames on
// a wire as they are. One line "IFINDEX HEX" in, one line "ok" or the errno out, after the
// kernel has taken the frame.
import * as os from 'qjs:os';
import * as net from 'whp:socket';

const ETH_P_ALL_NONE = 0;
const fd = net.socket(net.AF_PACKET, net.SOCK_RAW, ETH_P_ALL_NONE);
const input = new ArrayBuffer(65536);
let text = '';

os.setReadHandler(0, () => {
  const count = os.read(0, input, 0, input.byteLength);
  if (count <= 0) {
    os.setReadHandler(0, null);
    os.close(fd);
    return;
  }
  for (const byte of new Uint8Array(input, 0, count)) text += String.fromCharCode(byte);
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
    answer(inject(text.slice(0, end)));
    text = text.slice(end + 1);
  }
});

function inject(line: string): string {
  const [index = '', hex = ''] = line.split(' ');
  const frame = new Uint8Array(hex.length / 2);
  for (let i = 0; i < frame.length; i++)
    frame[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  // struct sockaddr_ll: family, protocol, ifindex; the frame brings its own addresses.
  const address = new ArrayBuffer(20);
  const view = new DataView(address);
  const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
  view.setUint16(0, net.AF_PACKET, little);
  view.setInt32(4, Number(index), little);
  const sent = net.sendto(fd, frame.buffer, 0, frame.length, 0, address);
  return sent === frame.length ? 'ok' : `error ${sent}`;
}

function answer(line: string): void {
  const bytes = Uint8Array.from([...`${line}\n`].map((char) => char.charCodeAt(0)));
  os.write(1, bytes.buffer, 0, bytes.length);
}
