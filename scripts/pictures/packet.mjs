// pictures/packet: the questions that the rules ask about the first packet of a flow, in their order
// (ruleset/compile/prerouting).
const QUESTIONS = [
  ['Is its address in a range?', 'of the profile, or pinned by you'],
  ['Is its address that of a name?', 'by a DNS answer, or a TLS hello'],
  ["Is it from the device's P2P port?", 'the port that the device uses for calls'],
  ['Is it to a peer of the device?', 'the remote end of a call'],
  ['Is the request window open?', '200 ms after a connection request'],
];
const TOP = 84;
const STEP = 68;
const RAIL = 364;
const END = TOP + QUESTIONS.length * STEP;

const question = ([asked, more], at) => {
  const y = TOP + at * STEP;
  return [
    {
      box: [16, y, 292, 48],
      lines: [
        ['strong', asked],
        ['small', more],
      ],
      anchor: 'start',
    },
    {
      line: [
        [308, y + 24],
        [RAIL, y + 24],
      ],
      kind: 'tunnel',
    },
    { label: ['accent', 'yes'], at: [320, y + 17] },
    {
      arrow: [
        [96, y + 48],
        [96, y + STEP],
      ],
    },
    { label: ['small', 'no'], at: [106, y + STEP - 6] },
  ];
};

export default {
  title: 'Where the first packet of a flow goes',
  desc: `The rules ask in this order. ${QUESTIONS.map(([asked, more]) => `${asked} (${more}).`).join(' ')} The first yes sends the flow through the tunnel. If every answer is no, the flow is direct, as if whp were not there.`,
  height: END + 68,
  parts: [
    {
      box: [16, 16, 292, 48],
      lines: [
        ['strong', 'The first packet of a flow'],
        ['small', 'a rule of yours may keep it direct'],
      ],
      anchor: 'start',
    },
    {
      arrow: [
        [96, 64],
        [96, TOP],
      ],
    },
    ...QUESTIONS.flatMap(question),
    {
      arrow: [
        [RAIL, TOP + 22],
        [RAIL, END],
      ],
      kind: 'tunnel',
    },
    {
      box: [16, END, 160, 52],
      lines: [
        ['strong', 'direct'],
        ['small', 'as without whp'],
      ],
    },
    {
      box: [192, END, 192, 52],
      lines: [
        ['strong', 'through the tunnel'],
        ['accent', 'mark, ip rule, table'],
      ],
      kind: 'accent',
    },
  ],
};
