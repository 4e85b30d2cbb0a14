// learn/undo: what the kernel refused is forgotten, in one pass for each set.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { addedKeys } from '../../../agent/src/learn/undo.ts';

const key = (last: number) => Uint8Array.of(192, 168, 1, last);

test('the added keys of many changes come by set, so that each set is passed over once', () => {
  const change = (operation: 'renew' | 'delete', set: string, last: number) => {
    return { operation, set, elements: [{ key: key(last) }] };
  };
  const added = addedKeys([
    change('delete', 'skype_peer4', 1),
    change('renew', 'skype_peer4', 2),
    change('renew', 'skype_peermac4', 3),
    change('renew', 'skype_peer4', 4),
  ]);
  assert.equal(Array.from(added), [
    ['skype_peer4', [key(2), key(4)]],
    ['skype_peermac4', [key(3)]],
  ]);
});

test.run();
