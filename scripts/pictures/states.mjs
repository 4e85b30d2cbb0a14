// pictures/states: what an application's flows meet in each state, after the table of SECURITY.md.
const STATES = [
  ['tunnel up', 'its probes are answered', ['tunnel', 'tunnel']],
  ['tunnel down', 'fallback block (default)', ['refused', 'refused']],
  ['tunnel down', 'fallback direct', ['direct', 'direct']],
  ['paused', 'by you, an hour unless told', ['tunnel', 'live flows'], ['direct', 'new flows']],
  ['agent crashed', 'the rules stay', ['tunnel', 'learned'], ['direct', 'new names']],
  ['agent stopped', 'by you: rules are removed', ['direct', 'direct']],
];
const TOP = 76;
const STEP = 60;
const [FROM, TO] = [304, 384];

const flow = (y, [way, what]) => {
  const label = {
    label: [way === 'tunnel' ? 'accent' : 'number', what],
    at: [FROM - 10, y + 4.5],
    anchor: 'end',
  };
  if (way === 'tunnel')
    return [
      label,
      {
        arrow: [
          [FROM, y],
          [TO, y],
        ],
        kind: 'tunnel',
      },
    ];
  if (way === 'direct')
    return [
      label,
      {
        arrow: [
          [FROM, y],
          [TO, y],
        ],
      },
    ];
  const stop = FROM + 44;
  return [
    label,
    {
      line: [
        [FROM, y],
        [stop, y],
      ],
    },
    { box: [stop, y - 9, 4, 18], kind: 'stop' },
  ];
};

const row = ([state, more, ...flows], at) => {
  const y = TOP + at * STEP;
  return [
    {
      line: [
        [16, y - 10],
        [384, y - 10],
      ],
      kind: 'hair',
    },
    { label: ['strong', state], at: [16, y + 15] },
    { label: ['small', more], at: [16, y + 34] },
    ...flows.flatMap((one, line) => flow(y + 20 + (line - (flows.length - 1) / 2) * 22, one)),
  ];
};

const WORDS = { tunnel: 'through the tunnel', direct: 'direct', refused: 'refused' };
const told = ([state, more, ...flows]) =>
  `${state} (${more}): ${flows.map(([way, what]) => (what === way ? WORDS[way] : `${what} ${WORDS[way]}`)).join(', ')}.`;

export default {
  title: 'Where the flows of a proxied application go',
  desc: `By state: ${STATES.map(told).join(' ')} Everything else is direct in all of these states.`,
  height: TOP + STATES.length * STEP - 4,
  parts: [
    { label: ['head', "Where an application's flows go"], at: [16, 34] },
    { label: ['small', 'everything else is direct in each state'], at: [16, 54] },
    ...STATES.flatMap(row),
  ],
};
