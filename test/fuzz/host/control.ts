// The control socket under a hostile client: the real listener and its answers. Every line of JSON gets one
// answer, however it is split; any other line closes the connection; other connections are not affected.
import * as os from 'qjs:os';
import * as sock from 'whp:socket';
import type { Settings } from '../../../agent/src/config/settings.ts';
import { listenControl } from '../../../agent/src/daemon/serve.ts';
import { unixAddress } from '../../../agent/src/netlink/endian.ts';
import { decodeUtf8 } from '../../../agent/src/os/utf8.ts';
import { NO_CHOICES } from '../../../agent/src/policy/choices.ts';
import type { Agent } from '../../../agent/src/runtime/agent.ts';
import { createAgent } from '../../../agent/src/runtime/create.ts';
import { fakeKernel } from '../../fake/kernel.ts';
import { policy } from '../../fixtures/policies.ts';
import { mutate } from '../mutate.ts';
import { type Random, randomOf } from '../random.ts';
import { bytesOf } from '../target.ts';

const SEEDS = [
  '{"method":"status"}',
  '{"method":"why","operand":"udp 192.168.1.11:13021 > 198.51.100.7:443"}',
  '{"method":"learned"}',
  '{"method":"flows"}',
  '{"method":"evidence","operand":7}',
  '{"method":"reload"}',
  '{"method":"devices"}',
  '{"method":"proxies"}',
  '{"method":"pause","operand":"skype 5"}',
  '{"method":"resume"}',
  '{"method":"pin","operand":"198.51.100.7 skype"}',
  '{"method":"unpin","operand":"198.51.100.7"}',
  '{"method":"use","operand":"auto"}',
  '{"method":"forget","operand":"all"}',
  '{"method":{"toString":1}}',
  '[1,null,"x"]',
  'null',
  '7',
].map(bytesOf);
const WORDS = [
  '{',
  '}',
  '"method":',
  '"operand":',
  'null',
  '"why"',
  ',',
  '\\u0000',
  '[[',
  '\r',
].map(bytesOf);

const pause = (milliseconds: number): Promise<void> =>
  new Promise((done) => os.setTimeout(done, milliseconds));

function agent(): Agent {
  const settings = {
    // Nothing can be kept there.
    sources: { state: '/proc/none', config: '/proc/none', profiles: '/proc/none' },
    configured: policy,
    choices: NO_CHOICES,
    hosts: [],
  };
  return createAgent(settings as unknown as Settings, policy, fakeKernel().kernel, '/proc/none');
}

/** The expected behaviour for these bytes: the number of answers, and whether the listener closes the
 * connection. */
function expected(lines: readonly Uint8Array[]): { answers: number; ends: boolean } {
  let answers = 0;
  for (const line of lines.filter((one) => one.length > 0)) {
    let value: unknown;
    try {
      value = JSON.parse(decodeUtf8(line));
    } catch {
      return { answers, ends: true };
    }
    if ((value as { method?: unknown } | null)?.method === 'monitor') continue;
    answers += 1;
  }
  return { answers, ends: false };
}

interface Client {
  readonly fd: number;
  lines: number;
  closed: boolean;
}

function connect(path: string): Client {
  const fd = sock.socket(sock.AF_UNIX, sock.SOCK_STREAM | sock.SOCK_NONBLOCK, 0);
  const errno = sock.connect(fd, unixAddress(path)!);
  if (errno < 0) throw new Error(`connect: errno ${-errno}`);
  const client = { fd, lines: 0, closed: false };
  const into = new ArrayBuffer(65536);
  os.setReadHandler(fd, () => {
    const got = sock.recv(fd, into, 0, into.byteLength, sock.MSG_DONTWAIT);
    if (got === -sock.EAGAIN) return;
    for (const byte of new Uint8Array(into, 0, Math.max(0, got))) if (byte === 10) client.lines++;
    if (got <= 0) {
      client.closed = true;
      os.setReadHandler(fd, null);
    }
  });
  return client;
}

async function talk(path: string, random: Random, buffer: Uint8Array): Promise<number> {
  const lines: Uint8Array[] = [];
  for (let i = 1 + random.below(6); i > 0; i--) {
    const length = random.once(3) ? 0 : mutate(SEEDS, WORDS, buffer, random);
    const line = length === 0 ? random.pick(SEEDS) : buffer.slice(0, Math.min(length, 4000));
    // A line feed inside splits it into two lines.
    const cut = line.indexOf(10);
    lines.push(cut < 0 ? line : line.slice(0, cut));
  }
  const client = connect(path);
  for (const line of lines) {
    const bytes = Uint8Array.from([...line, 10]);
    for (let at = 0; at < bytes.length && !client.closed; ) {
      const span = random.once(2)
        ? bytes.length - at
        : Math.min(bytes.length - at, 1 + random.below(40));
      const sent = sock.send(client.fd, bytes.buffer, at, span, sock.MSG_DONTWAIT);
      if (sent < 0) break;
      at += sent;
      if (random.once(4)) await pause(0);
    }
  }
  const { answers, ends } = expected(lines);
  for (let i = 0; i < 400; i++) {
    await pause(i < 20 ? 0 : 5);
    if (ends ? client.closed : client.lines >= answers) break;
  }
  os.setReadHandler(client.fd, null);
  os.close(client.fd);
  const text = () => lines.map((line) => decodeUtf8(line)).join('\n');
  if (ends ? !client.closed || client.lines > answers : client.lines !== answers) {
    throw new Error(
      `${client.lines} answers, ${answers} wanted, closed ${client.closed}: ${text()}`,
    );
  }
  return lines.length;
}

/** Sends lines for so many milliseconds; returns their number, or throws. */
export async function fuzzControl(seed: number, milliseconds: number): Promise<number> {
  const path = `/tmp/whp-fuzz-${os.getpid()}.sock`;
  const listening = listenControl(path, agent(), {
    reload: async () => [],
    refresh: async () => null,
  });
  if (!listening.ok) throw new Error(listening.what);
  const random = randomOf(seed);
  const buffer = new Uint8Array(1 << 17);
  const bystander = connect(path);
  const started = sock.monotonic();
  let lines = 0;
  while (sock.monotonic() - started < milliseconds) lines += await talk(path, random, buffer);
  if (bystander.closed) throw new Error('the connection of somebody else was closed');
  os.setReadHandler(bystander.fd, null);
  os.close(bystander.fd);
  listening.value.close();
  return lines;
}
