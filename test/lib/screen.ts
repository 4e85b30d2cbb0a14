// What is true of each text for a terminal of 80 columns.
import * as assert from 'uvu/assert';

/** A flow is printed unbroken, so that it can be copied. */
const FLOW = /^ *(udp|tcp|icmp|icmpv6) \S+ \S+$/;

export function fits(text: string, about = ''): void {
  assert.ok(text.endsWith('\n'), about);
  for (const line of text.slice(0, -1).split('\n')) {
    assert.ok(line.length <= 80 || FLOW.test(line), `${about}: ${line.length} columns: ${line}`);
    assert.is(line, line.trimEnd(), about);
    assert.not.match(line, /[\u00a0]| > /, about);
  }
}
