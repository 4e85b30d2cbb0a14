// Port 53 of a server that is nobody's resolver: asked a question it answers with an address of its
// choice, and to anything else it sends a DNS answer that nobody asked for. Pure.
import { type DnsRecord, decodeQuery, encodeAnswer, TYPE } from './dns-message.ts';
import { BANK_ADDRESS, SHOP_ADDRESS } from './plan.ts';
import { decodeSpeech } from './speech.ts';

/** Live for a day: what is believed stays. */
const TTL = 86_400;
/** Addresses in one answer: what fits into 1,232 bytes. */
const MANY = 60;

function records(name: string, addresses: readonly string[]): DnsRecord[] {
  return addresses.map((value) => ({ name, type: TYPE.A, ttl: TTL, value }));
}

function answer(id: number, name: string, addresses: readonly string[]): Uint8Array {
  const labels = name.split('.').flatMap((one) => [one.length, ...Array.from(one, codeOf)]);
  const raw = Uint8Array.from([...labels, 0, 0, TYPE.A, 0, 1]);
  const question = { id, name, type: TYPE.A, raw, udpSize: 4096 };
  return encodeAnswer(question, records(name, addresses), { udp: false });
}

const codeOf = (letter: string): number => letter.charCodeAt(0);

/** Sixty addresses that no other number has, all of them nobody's. */
export function crowdOf(number: number): string[] {
  return Array.from({ length: MANY }, (_, i) => {
    const at = number * MANY + i;
    return `45.33.${(at >> 8) & 255}.${at & 255}`;
  });
}

/** What comes back from port 53. A message of the lab's speech asks for the answer `serial`: 0 says that
 * the application's login is at the bank, others fill up whatever holds addresses. */
export function lie(bytes: Uint8Array): Uint8Array | undefined {
  const question = decodeQuery(bytes);
  if (question)
    return encodeAnswer(question, records(question.name, [SHOP_ADDRESS]), { udp: true });
  const heard = decodeSpeech(bytes);
  if (!heard) return undefined;
  const { serial } = heard;
  if (serial === 0) return answer(0x4242, 'login.skype.com', [BANK_ADDRESS]);
  return answer(serial, `relay${serial}.skype.com`, crowdOf(serial));
}
