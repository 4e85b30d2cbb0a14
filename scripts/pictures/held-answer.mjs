// pictures/held-answer: a DNS answer waits in the router until its address is in the kernel's set. Time runs down.
const [DEVICE, ROUTER, INTERNET] = [52, 200, 348];
const END = 336;

const column = (x, name) => ({ box: [x - 36, 16, 72, 32], lines: [name] });
const life = (x, from, to) => ({
  line: [
    [x, from],
    [x, to],
  ],
  kind: 'hair',
});

export default {
  title: 'A DNS answer is held until the kernel knows its address',
  desc: "Time runs down. The device sends a query for api.skype.com. The resolver's answer, 198.51.100.7, is held in the router until the agent has read it and the kernel has acknowledged the address as an element of the set. Then the answer is delivered. So the device's first packet already finds the rule and takes the tunnel.",
  height: 376,
  parts: [
    column(DEVICE, 'device'),
    column(ROUTER, 'router'),
    column(INTERNET, 'Internet'),
    life(DEVICE, 48, END),
    life(ROUTER, 48, 60),
    life(ROUTER, 82, 142),
    life(ROUTER, 234, END),
    life(INTERNET, 48, END),

    { label: ['small', 'query api.skype.com'], at: [ROUTER, 76], anchor: 'middle' },
    {
      arrow: [
        [DEVICE, 88],
        [INTERNET, 88],
      ],
    },

    { label: ['small', 'answer 198.51.100.7'], at: [345, 118], anchor: 'end' },
    {
      arrow: [
        [INTERNET, 128],
        [ROUTER, 128],
      ],
    },
    {
      box: [96, 142, 208, 92],
      lines: [
        ['accent', 'held'],
        ['small', 'until the agent has read it'],
        ['small', 'and the kernel has'],
        ['small', 'acknowledged the address'],
      ],
      kind: 'accent',
    },
    { label: ['small', 'answer 198.51.100.7'], at: [57, 256] },
    {
      arrow: [
        [ROUTER, 266],
        [DEVICE, 266],
      ],
    },

    { label: ['small', 'first packet'], at: [126, 304], anchor: 'middle' },
    {
      line: [
        [DEVICE, 316],
        [ROUTER, 316],
      ],
    },
    { label: ['accent', 'tunnel'], at: [274, 304], anchor: 'middle' },
    {
      arrow: [
        [ROUTER, 316],
        [INTERNET, 316],
      ],
      kind: 'tunnel',
    },
    { label: 'The first packet already finds the rule.', at: [ROUTER, 360], anchor: 'middle' },
  ],
};
