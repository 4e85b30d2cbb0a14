// The reader of nft's language in the host program (agent/native/nft-batch.c), under the sanitizers: every text becomes whole
// messages of nf_tables, or a refusal with a line of the text.
import { encode } from 'whp:nft';
import {
  createMessage,
  createReader,
  getU16,
  readMessage,
} from '../../../agent/src/netlink/message.ts';
import { auditText } from '../../../agent/src/ruleset/audit.ts';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import { offloadText } from '../../../agent/src/ruleset/flow-offload.ts';
import { renderLoad, renderParts } from '../../../agent/src/ruleset/render.ts';
import { reloadText } from '../../../agent/src/ruleset/transaction.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { bytesOf, must, type Target, textOf } from '../target.ts';

const base = compile(policyFrom({}));
const other = compile(policyFrom({ app: { devices: ['192.168.1.10'] }, globals: { hold: true } }));
const HEAD = 'table inet t {\n';
/** Short texts: a set or a chain each, its first rules. */
const blocks = [base, other].flatMap((table) =>
  renderLoad(table)
    .split(/\n(?= {2}\w.*\{)/)
    .slice(1)
    .map((block) => `${HEAD}${block.split('\n').slice(0, 12).join('\n')}\n  }\n}\n`),
);
const change = reloadText(renderParts(base), renderParts(other)).split('\n');
const changes = Array.from(
  { length: 20 },
  (_, i) => `${change.slice(i * 8, i * 8 + 8).join('\n')}\n`,
);
const globals = policyFrom({}).globals;
const TEXTS = [
  ...new Set([...blocks, ...changes, auditText(globals, []), offloadText(0x0f000000)]),
];

const NESTED = 0x8000;

/** Attributes are whole, at every depth. */
function walk(bytes: Uint8Array, at: number, end: number): void {
  const reader = createReader(bytes);
  while (at < end) {
    must(at + 4 <= end, 'an attribute is cut');
    const size = getU16(reader, at);
    must(size >= 4 && at + size <= end, `an attribute of ${size} bytes`);
    if ((getU16(reader, at + 2) & NESTED) !== 0) walk(bytes, at + 4, at + size);
    at += (size + 3) & ~3;
  }
}

export const nft: Target = {
  name: 'nft',
  weight: 40,
  seeds: TEXTS.map(bytesOf),
  words: [
    ...new Set(TEXTS.flatMap((text) => text.split(/\s+/)).filter((word) => word.length < 24)),
  ].slice(0, 400),
  run(input) {
    const text = textOf(input);
    const made = encode(text);
    if (typeof made === 'string') {
      const line = Number(/^line (\d+): .*: (not understood|too long)$/s.exec(made)?.[1]);
      must(line >= 1 && line <= text.split('\n').length, `a refusal: ${made}`);
      return `refused ${made.slice(made.indexOf(':') + 2).slice(0, 8)}`;
    }
    const bytes = new Uint8Array(made);
    const reader = createReader(bytes);
    const message = createMessage();
    let kinds = 0;
    for (let at = 0; at < bytes.length; ) {
      at = readMessage(reader, at, bytes.length, message);
      must(at > 0, 'a message is cut');
      walk(bytes, message.body + 4, message.end);
      kinds |= 1 << (message.type & 31);
    }
    return `made ${kinds}`;
  },
};
