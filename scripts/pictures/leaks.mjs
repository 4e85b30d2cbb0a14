// pictures/leaks: the sessions that leaked, as bars. The numbers are those of docs/figures/sessions.json.
const NAMES = {
  hold: 'whp, DNS answers held',
  watch: 'whp, DNS answers only watched',
  nftset: "dnsmasq's nftset alone",
};
const LEFT = 16;
const FULL = 312;

function row({ mode, sessions, leaking, leaked }, at) {
  const y = 88 + at * 66;
  const bar = Math.round((leaking / sessions) * FULL);
  const noun = leaked === 1 ? 'packet' : 'packets';
  return [
    { label: ['strong', NAMES[mode]], at: [LEFT, y] },
    { box: [LEFT, y + 8, FULL, 14], kind: 'track' },
    ...(bar === 0 ? [] : [{ box: [LEFT, y + 8, bar, 14], kind: 'bar' }]),
    {
      label: [mode === 'hold' ? 'result' : 'head', String(leaking)],
      at: [384, y + 21],
      anchor: 'end',
    },
    { label: ['small', `${leaked} ${noun} leaked`], at: [LEFT, y + 38] },
  ];
}

export default ({ rows }) => {
  const [{ sessions }] = rows;
  const said = rows.map(
    ({ mode, leaking, leaked }) => `${NAMES[mode]}: ${leaking} (${leaked} packets).`,
  );
  return {
    title: `Sessions that leaked, of ${sessions}`,
    desc: `The sessions that leaked, of ${sessions} drawn from measurements and played on the same emulated router. ${said.join(' ')}`,
    height: 88 + rows.length * 66 - 14,
    parts: [
      { label: ['head', `Sessions that leaked, of ${sessions}`], at: [LEFT, 34] },
      { label: ['small', 'drawn from measurements, on an emulated router'], at: [LEFT, 53] },
      ...rows.flatMap(row),
    ],
  };
};
