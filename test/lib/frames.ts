// For programs in the host that put Ethernet frames on a wire.
import * as os from 'qjs:os';
import * as net from 'whp:socket';

export const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** struct sockaddr_ll of the device with index `index`; a frame contains its MAC addresses. */
export function linkAddress(index: number): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint16(0, net.AF_PACKET, little);
  view.setInt32(4, index, little);
  return view.buffer;
}

/** Calls `take` with each line of the standard input, and `end` at its end. */
export function readLines(take: (line: string) => void, end: () => void): void {
  const input = new ArrayBuffer(65536);
  let text = '';
  os.setReadHandler(0, () => {
    const count = os.read(0, input, 0, input.byteLength);
    if (count <= 0) {
      os.setReadHandler(0, null);
      end();
      return;
    }
    for (const byte of new Uint8Array(input, 0, count)) text += String.fromCharCode(byte);
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n')) {
      take(text.slice(0, at));
      text = text.slice(at + 1);
    }
  });
}
