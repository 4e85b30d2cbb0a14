// A tunnel for kernels without GRE, so that the whole world can be tested in namespaces of any
// machine: reads IP packets from one end of a veth pair, sends them as GRE with a key (RFC 2890)
// over a raw socket, and the other way round. Slow, and no part of the lab's emulated machines.
// Usage: ferry IFINDEX MAC-OF-THE-OTHER-END LOCAL REMOTE KEY
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import * as sys from 'whp:socket';
import { say } from './logbook.ts';
import { check, sockaddr } from './socket.ts';

const [, ifindex = '0', mac = '', local = '', remote = '', keyText = '0'] = scriptArgs;

const AF_INET = 2;
const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const IPPROTO_GRE = 47;
const ETH_P_IP = 0x0800;
const PACKET_OUTGOING = 4;
const GRE_HEADER = 8;
const MSG_DONTWAIT = 0x40;
const BURST = 128;

/** struct sockaddr_ll; the protocol is in network byte order, the rest in the machine's. */
function linkAddress(): ArrayBuffer {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ETH_P_IP);
  view.setInt32(4, Number(ifindex), true);
  bytes[11] = 6;
  bytes.set(
    mac.split(':').map((part) => Number.parseInt(part, 16)),
    12,
  );
  return bytes.buffer;
}

const swapped = ((ETH_P_IP & 0xff) << 8) | (ETH_P_IP >> 8);
const link = check(sys.socket(AF_PACKET, SOCK_DGRAM, swapped), 'socket packet');
check(sys.bind(link, linkAddress()), `bind interface ${ifindex}`);
const gre = check(sys.socket(AF_INET, SOCK_RAW, IPPROTO_GRE), 'socket gre');
check(sys.bind(gre, sockaddr({ address: local, port: 0 })), `bind ${local}`);

const buffer = new ArrayBuffer(65536);
const view = new DataView(buffer);
const from = new ArrayBuffer(20);
const linkTo = linkAddress();
const greTo = sockaddr({ address: remote, port: 0 });

os.setReadHandler(link, () => {
  for (let i = 0; i < BURST; i += 1) {
    const count = sys.recvfrom(link, buffer, GRE_HEADER, 65000, MSG_DONTWAIT, from);
    if (count < 0) return;
    if (new Uint8Array(from)[10] === PACKET_OUTGOING) continue;
    view.setUint32(0, (0x2000 << 16) | ETH_P_IP);
    view.setUint32(4, Number(keyText));
    sys.sendto(gre, buffer, 0, count + GRE_HEADER, MSG_DONTWAIT, greTo);
  }
});
os.setReadHandler(gre, () => {
  for (let i = 0; i < BURST; i += 1) {
    const count = sys.recvfrom(gre, buffer, 0, 65000, MSG_DONTWAIT, from);
    if (count < 0) return;
    const at = (view.getUint8(0) & 0x0f) * 4;
    if (count < at + GRE_HEADER || view.getUint32(at) !== 0x20000800) continue;
    if (view.getUint32(at + 4) !== Number(keyText)) continue;
    sys.sendto(link, buffer, at + GRE_HEADER, count - at - GRE_HEADER, MSG_DONTWAIT, linkTo);
  }
});
os.signal(os.SIGTERM, () => std.exit(0));
say('ferry: ready');
