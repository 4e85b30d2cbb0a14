// kernel/tcp-questions: sends a device a TCP segment outside of its window, with the server's address as source.
// The device answers with its own sequence numbers (RFC 9293 section 3.10.7.4), and the table answers that with a
// reset.

import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { deviceSide, type Ending } from '../learn/silence.ts';
import { IPPROTO_RAW, MSG_DONTWAIT } from '../netlink/constants.ts';
import { hostInt, inetAddress } from '../netlink/endian.ts';
import { randomBytes } from '../os/random.ts';
import { parseAddress } from '../wire/address.ts';
import { tcpQuestion } from '../wire/tcp-question.ts';

/** Sends a question to the device of each connection, with packet mark `mark`. Errors are ignored: the next packet
 * of the server makes the table reset the device as well. */
export function askDevices(mark: number, endings: readonly Ending[]): void {
  for (const [family, domain] of [
    [4, sys.AF_INET],
    [6, sys.AF_INET6],
  ] as const) {
    const some = endings.filter(({ connection }) => connection.family === family);
    if (some.length === 0) continue;
    const fd = sys.socket(domain, sys.SOCK_RAW | sys.SOCK_NONBLOCK, IPPROTO_RAW);
    if (fd < 0) continue;
    if (sys.setsockopt(fd, sys.SOL_SOCKET, sys.SO_MARK, hostInt(mark)) >= 0) {
      for (const ending of some) send(fd, ending);
    }
    os.close(fd);
  }
}

function send(fd: number, ending: Ending): void {
  const { source, sourcePort, destination, destinationPort } = deviceSide(ending);
  const device = parseAddress(source);
  const server = parseAddress(destination);
  if (device === null || server === null) return;
  const packet = tcpQuestion(
    { address: server, port: destinationPort },
    { address: device, port: sourcePort },
    randomBytes(8),
  );
  const to = inetAddress(device);
  sys.sendto(fd, packet.buffer as ArrayBuffer, 0, packet.length, MSG_DONTWAIT, to);
}
