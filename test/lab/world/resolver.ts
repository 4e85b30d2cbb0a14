// The name server behind the home's resolver: serves names.ts over UDP and TCP at 198.51.100.53, and at
// 10.20.0.53 for those who ask a resolver in a private network behind the WAN, in namespace `isp`. Keeps the letter case of the question, cuts long answers with the TC bit,
// and breaks messages on purpose where the name asks for it.
// Usage: resolver LOGFILE [ADDRESS...]
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { type DnsQuestion, decodeQuery, encodeAnswer } from './dns-message.ts';
import { openLogbook, say } from './logbook.ts';
import { resolve, type Trick } from './names.ts';
import { PRIVATE_RESOLVER, RESOLVER_ADDRESS } from './plan.ts';
import { openDatagrams } from './socket.ts';
import { listenStreams, type Stream } from './stream.ts';

const [, logPath = '/tmp/resolver.jsonl', ...named] = scriptArgs;
const places = named.length > 0 ? named : [RESOLVER_ADDRESS, PRIVATE_RESOLVER];
const log = openLogbook(logPath);

/** Breaks a good answer the way its name asks for. */
function broken(bytes: Uint8Array, question: DnsQuestion, trick: Trick): Uint8Array | undefined {
  const copy = bytes.slice();
  const answerAt = 12 + question.raw.length;
  if (trick === 'silence') return undefined;
  if (trick === 'short') return copy.slice(0, answerAt + 5);
  if (trick === 'counts') copy.set([0xff, 0xff], 6);
  // The owner name of the first record points at itself.
  if (trick === 'pointer-loop') copy.set([0xc0 | (answerAt >> 8), answerAt & 0xff], answerAt);
  return copy;
}

function reply(query: Uint8Array, udp: boolean): Uint8Array | undefined {
  const question = decodeQuery(query);
  if (!question) return undefined;
  const { records, rcode, trick, additional } = resolve(question.name, question.type);
  log.note({ event: 'query', name: question.name, type: question.type, udp, rcode });
  if (trick === 'truncate') {
    if (!udp) return encodeAnswer(question, records, { rcode, udp: false });
    // As a server does that had no room: TC, and nothing of the answer.
    return encodeAnswer({ ...question, udpSize: 0 }, [...records, ...filler()], { udp: true });
  }
  const more = additional === undefined ? {} : { additional };
  const bytes = encodeAnswer(question, records, { rcode, udp, ...more });
  return trick ? broken(bytes, question, trick) : bytes;
}

function filler() {
  return Array.from({ length: 60 }, () => ({ name: 'x', type: 1, ttl: 1, value: '192.0.2.1' }));
}

async function serve(stream: Stream): Promise<void> {
  let bytes = new Uint8Array(0);
  try {
    for (;;) {
      const more = await stream.read(10_000);
      if (more.length === 0) return;
      bytes = Uint8Array.from([...bytes, ...more]);
      const length = bytes.length < 2 ? 65535 : (bytes[0]! << 8) | bytes[1]!;
      if (bytes.length < length + 2) continue;
      const answer = reply(bytes.slice(2, length + 2), false);
      bytes = bytes.slice(length + 2);
      if (!answer) return;
      await stream.write(Uint8Array.from([answer.length >> 8, answer.length & 0xff, ...answer]));
    }
  } finally {
    stream.close();
  }
}

for (const address of places) {
  const server = openDatagrams('neutral', { address, port: 53 }, (bytes, from) => {
    const answer = reply(bytes, true);
    if (answer) server.send(from, answer);
  });
  listenStreams(
    { address, port: 53 },
    () => 'neutral',
    (stream) => {
      serve(stream).catch((error: unknown) => log.note({ event: 'stream', what: String(error) }));
    },
  );
}
os.signal(os.SIGTERM, () => std.exit(0));
say('resolver: ready');
