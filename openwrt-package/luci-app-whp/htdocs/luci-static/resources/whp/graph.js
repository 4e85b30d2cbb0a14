'use strict';
'require baseclass';

// Graphs as SVG. Colours follow the text of the theme; the numbers stand beside them, for who does not see them.

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 600;
const HEIGHT = 120;

function node(name, attributes, children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...(children ?? []));
  return made;
}

/** A round number above `most`. */
function top(most) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  return [1, 2, 5, 10].find((step) => step * power >= most) * power;
}

return baseclass.extend({
  colours: ['#1976d2', '#b26a00'],

  /** Areas of several lists of at most `length` numbers, oldest first. `unit`: makes text of a number. */
  lines(lists, length, label, unit) {
    const most = top(Math.max(1, ...lists.flat()));
    const x = (at) => ((at * WIDTH) / (length - 1)).toFixed(1);
    const y = (value) => (HEIGHT - (value * HEIGHT) / most).toFixed(1);
    const areas = lists.map((list, at) => {
      const from = length - list.length;
      const points = list.map((value, index) => `${x(from + index)},${y(value)}`).join(' ');
      const colour = this.colours[at];
      return node('polygon', {
        points: `${x(from)},${HEIGHT} ${points} ${WIDTH},${HEIGHT}`,
        fill: colour,
        'fill-opacity': 0.35,
        stroke: colour,
        'stroke-width': 1.5,
        'vector-effect': 'non-scaling-stroke',
      });
    });
    const grid = [0.25, 0.5, 0.75].map((part) =>
      node('line', {
        x1: 0,
        x2: WIDTH,
        y1: HEIGHT * part,
        y2: HEIGHT * part,
        stroke: 'currentColor',
        'stroke-opacity': 0.2,
        'vector-effect': 'non-scaling-stroke',
      }),
    );
    const svg = node(
      'svg',
      {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        width: '100%',
        height: HEIGHT,
        preserveAspectRatio: 'none',
        role: 'img',
        'aria-label': label,
        dir: 'ltr',
      },
      [...grid, ...areas],
    );
    return E('div', {}, [E('small', {}, [unit(most)]), svg]);
  },

  /** The names of the lists beside their colours. */
  legend(names) {
    return E(
      'p',
      {},
      names.map((name, at) =>
        E('span', { class: 'nowrap' }, [
          node('svg', { width: 12, height: 12, 'aria-hidden': true }, [
            node('rect', { width: 12, height: 12, fill: this.colours[at] }),
          ]),
          ` ${name}\u2003`,
        ]),
      ),
    );
  },
});
