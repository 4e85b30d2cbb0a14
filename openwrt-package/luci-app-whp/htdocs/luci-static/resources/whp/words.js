'use strict';
'require baseclass';

// Answers of the agent in words of the pages. Every function returns plain text, which is not yet part of the page.

const EVIDENCE = {
  range: _('an address of the application'),
  addr: _('a name that the device looked up'),
  hello: _('the server name in its greeting'),
  port: _('the port that the device uses for calls'),
  peer: _('the other end of a call'),
  window: _('began with a call'),
  request: _('a request for a call'),
  mapping: _('a port that the device asked to open'),
  late: _('recognised after it began'),
  inbound: _('came in for a call'),
  unknown: _('known from before'),
};

const PROXY_STATES = {
  up: _('Reachable'),
  down: _('Not reachable'),
  probing: _('Waiting for an answer'),
  no_device: _('No tunnel'),
};

const PATHS = {
  refused: _('Blocked'),
  direct: _('Directly'),
  home: _('Stays at home'),
  unknown: _('Not known'),
};

return baseclass.extend({
  evidence: (word) => EVIDENCE[word] ?? word,

  proxyState: (word) => PROXY_STATES[word] ?? word,

  /** Where a connection goes. */
  path: ({ state, proxy }) =>
    state === 'proxied' && proxy ? _('By %s').format(proxy) : (PATHS[state] ?? state),

  bytes: (count) => '%1024.1mB'.format(Math.round(count)),

  rate: (bitsPerSecond) => '%1000.1mbit/s'.format(Math.round(bitsPerSecond)),

  /** A length of time in its two largest units. */
  time(seconds) {
    if (seconds < 60) return _('%d s').format(seconds);
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return _('%d min').format(minutes);
    const hours = Math.floor(minutes / 60);
    if (hours < 24) return _('%d h %d min').format(hours, minutes % 60);
    return _('%d d %d h').format(Math.floor(hours / 24), hours % 24);
  },

  ago(seconds) {
    return _('%s ago').format(this.time(seconds));
  },

  device: ({ device, address, source }) => device ?? address ?? source,
});
