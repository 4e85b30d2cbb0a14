// syntax/punycode: converts a Unicode label to its ASCII form (RFC 3492), so that the problem of a name such as
// "bücher.example" can show what to write. profile/name-pattern uses it.

/** The xn-- form of a label; an ASCII label only becomes lower case. */
export function toAscii(label: string): string {
  const points = Array.from(label.normalize('NFC').toLowerCase(), (c) => c.codePointAt(0)!);
  const basic = points.filter((point) => point < 128);
  if (basic.length === points.length) return String.fromCharCode(...points);
  const out = basic.map((point) => String.fromCharCode(point));
  if (out.length > 0) out.push('-');
  return `xn--${out.join('')}${encodeRest(points, basic.length)}`;
}

/** The insertions of RFC 3492 section 6.3, with the constants of section 5. */
function encodeRest(points: readonly number[], basic: number): string {
  let out = '';
  let threshold = 128;
  let delta = 0;
  let bias = 72;
  for (let handled = basic; handled < points.length; ) {
    const next = Math.min(...points.filter((point) => point >= threshold));
    delta += (next - threshold) * (handled + 1);
    threshold = next;
    for (const point of points) {
      if (point < threshold) delta += 1;
      if (point !== threshold) continue;
      out += variableLength(delta, bias);
      bias = adapt(delta, handled + 1, handled === basic);
      delta = 0;
      handled += 1;
    }
    delta += 1;
    threshold += 1;
  }
  return out;
}

function variableLength(delta: number, bias: number): string {
  let out = '';
  let rest = delta;
  for (let k = 36; ; k += 36) {
    const limit = Math.min(26, Math.max(1, k - bias));
    if (rest < limit) return out + digit(rest);
    out += digit(limit + ((rest - limit) % (36 - limit)));
    rest = Math.floor((rest - limit) / (36 - limit));
  }
}

function adapt(delta: number, count: number, first: boolean): number {
  let rest = Math.floor(delta / (first ? 700 : 2));
  rest += Math.floor(rest / count);
  let k = 0;
  for (; rest > 455; k += 36) rest = Math.floor(rest / 35);
  return k + Math.floor((36 * rest) / (rest + 38));
}

function digit(value: number): string {
  return String.fromCharCode(value < 26 ? value + 97 : value - 26 + 48);
}
