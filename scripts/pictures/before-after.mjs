// pictures/before-after: which address the other side of a call sees, without whp and with it.
const home = (x) => ({ box: [x, 48, 172, 52], lines: ['your home', ['number', '198.51.100.10']] });
const games = (x) => ({
  box: [x, 224, 56, 72],
  lines: [
    ['small', 'web,'],
    ['small', 'games'],
  ],
});

const sees = (x, address, kind) => ({
  box: [x, 224, 108, 72],
  lines: ['the peer', 'sees', [kind, address]],
  kind: kind === 'accent' ? 'accent' : 'plain',
});

export default {
  title: 'What the peer of a call sees',
  desc: "Without whp a call goes from the home directly to the peer, and the peer sees the home's address 198.51.100.10. With whp the call goes through a tunnel to your own proxy in the cloud, and the peer sees the proxy's address 203.0.113.20. Web and games go out directly in both cases.",
  height: 312,
  parts: [
    { label: ['head', 'Without whp'], at: [16, 34] },
    home(16),
    {
      arrow: [
        [70, 100],
        [70, 224],
      ],
    },
    { label: ['small', 'call'], at: [80, 128] },
    {
      arrow: [
        [160, 100],
        [160, 224],
      ],
    },
    sees(16, '198.51.100.10', 'number'),
    games(132),

    {
      line: [
        [200, 16],
        [200, 296],
      ],
      kind: 'hair',
    },

    { label: ['head', 'With whp'], at: [212, 34] },
    home(212),
    {
      arrow: [
        [266, 100],
        [266, 140],
      ],
      kind: 'tunnel',
    },
    { label: ['accent', 'tunnel'], at: [280, 124] },
    { box: [212, 140, 108, 52], lines: ['your proxy', ['accent', '203.0.113.20']], kind: 'accent' },
    {
      arrow: [
        [266, 192],
        [266, 224],
      ],
    },
    { label: ['small', 'call'], at: [276, 212] },
    {
      arrow: [
        [356, 100],
        [356, 224],
      ],
    },
    sees(212, '203.0.113.20', 'accent'),
    games(328),
  ],
};
