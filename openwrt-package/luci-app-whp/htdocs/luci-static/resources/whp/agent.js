'use strict';
'require baseclass';
'require poll';
'require rpc';

// The methods of rpcd's plugin (docs/json.md, "rpcd"). Each returns a promise of an answer and never fails: where the
// agent or the router does not answer, the answer has `error`, and where its owner can do something about it, `fix`.

const declared = (method, params) => {
  const call = rpc.declare({ object: 'whp', method, params, expect: { '': {} }, reject: true });
  return (...args) => call(...args).catch((error) => ({ error: error.message, unreachable: true }));
};

return baseclass.extend({
  status: declared('status'),
  flows: declared('flows', ['limit', 'offset', 'app', 'search', 'sort', 'descending']),
  why: declared('why', ['query']),
  devices: declared('devices'),
  counters: declared('counters', ['subject', 'range']),
  log: declared('log', ['limit', 'format']),
  check: declared('check'),
  profiles: declared('profiles'),
  traffic: declared('traffic'),
  test: declared('test', ['start']),
  start: declared('start'),
  action: declared('action', ['name', 'operand']),

  /** Calls `ask` now and every so many seconds while the page is visible, and gives `show` each answer. Returns what
   * does it once more. */
  follow(seconds, ask, show) {
    let last = 0;
    const look = () => {
      last = Date.now();
      return ask().then(show);
    };
    // The loop calls its first function at once, and others later; a page that appears again asks at once, too.
    const due = () => (document.hidden || Date.now() - last < 900 ? Promise.resolve() : look());
    document.addEventListener('visibilitychange', due);
    look();
    poll.add(due, seconds);
    return look;
  },
});
