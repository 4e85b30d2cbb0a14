'use strict';
'require baseclass';
'require dom';
'require form';
'require ui';
'require whp.rules as rules';

// The hours of an application as a grid of the week. Its value is the list `schedule`: a minute is on or off.

const DAY = 1440;
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const NAMES = [
  _('Monday'),
  _('Tuesday'),
  _('Wednesday'),
  _('Thursday'),
  _('Friday'),
  _('Saturday'),
  _('Sunday'),
];

function minutesOf(list) {
  const minutes = new Uint8Array(7 * DAY);
  for (const [from, to] of list.flatMap((text) => rules.spans(text) ?? []))
    for (let at = from; at < to; at += 1) minutes[at % minutes.length] = 1;
  return minutes;
}

const clock = (minute) =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;

/** The fewest lines with these minutes: days with the same hours share one. */
function linesOf(minutes) {
  const days = new Map();
  DAYS.forEach((_day, at) => {
    for (let from = 0; from < DAY; from += 1) {
      if (!minutes[at * DAY + from]) continue;
      let to = from;
      while (to < DAY && minutes[at * DAY + to]) to += 1;
      const hours = `${clock(from)}-${clock(to)}`;
      days.set(hours, [...(days.get(hours) ?? []), at]);
      from = to;
    }
  });
  return Array.from(days, ([hours, list]) => {
    if (list.length === 7) return hours;
    const parts = [];
    for (const day of list) {
      const last = parts[parts.length - 1];
      if (last && last[1] === day - 1) last[1] = day;
      else parts.push([day, day]);
    }
    return `${parts.map(([a, b]) => (a === b ? DAYS[a] : `${DAYS[a]}-${DAYS[b]}`)).join(',')} ${hours}`;
  });
}

const Grid = ui.AbstractElement.extend({
  __init__(value, options) {
    this.minutes = minutesOf(value);
    this.options = options;
  },

  render() {
    this.said = E('p', { role: 'status' });
    this.cells = NAMES.map((name, day) =>
      Array.from({ length: 24 }, (_unused, hour) =>
        E(
          'td',
          {
            class: 'td center',
            role: 'gridcell',
            'aria-label': `${name} ${clock(hour * 60)}`,
            tabindex: day + hour === 0 ? 0 : -1,
            click: () => this.turn(day, hour),
            keydown: (event) => this.key(event, day, hour),
          },
          ['\u00a0'],
        ),
      ),
    );
    const hours = E('tr', { class: 'tr', role: 'row' }, [
      E('td', { class: 'th' }),
      ...[0, 6, 12, 18].map((hour) =>
        E('th', { class: 'th left', colspan: 6 }, [clock(hour * 60)]),
      ),
    ]);
    const rows = this.cells.map((cells, day) =>
      E('tr', { class: 'tr', role: 'row' }, [
        E('th', { class: 'th', role: 'rowheader', scope: 'row' }, [NAMES[day].slice(0, 3)]),
        ...cells,
      ]),
    );
    // By this id LuCI finds the widget when it reads the form.
    this.node = E('div', { id: this.options.id }, [
      E(
        'table',
        { class: 'table', role: 'grid', dir: 'ltr', 'aria-label': _('Hours of the week') },
        [hours, ...rows],
      ),
      this.said,
    ]);
    this.setChangeEvents(this.node, 'whp-week');
    this.paint();
    dom.bindClassInstance(this.node, this);
    return this.node;
  },

  hour: (day, hour) => day * DAY + hour * 60,

  turn(day, hour) {
    const from = this.hour(day, hour);
    this.minutes.fill(this.minutes.subarray(from, from + 60).includes(0) ? 1 : 0, from, from + 60);
    this.paint();
    this.node.dispatchEvent(new CustomEvent('whp-week', { bubbles: true }));
  },

  key(event, day, hour) {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[
      event.key
    ];
    if (event.key === ' ' || event.key === 'Enter') this.turn(day, hour);
    else if (step) {
      const next = this.cells[(day + step[0] + 7) % 7][(hour + step[1] + 24) % 24];
      event.currentTarget.setAttribute('tabindex', -1);
      next.setAttribute('tabindex', 0);
      next.focus();
    } else return;
    event.preventDefault();
  },

  paint() {
    this.cells.forEach((cells, day) => {
      cells.forEach((cell, hour) => {
        const part = this.minutes.subarray(this.hour(day, hour), this.hour(day, hour) + 60);
        const [some, all] = [part.includes(1), !part.includes(0)];
        cell.setAttribute('aria-selected', all);
        cell.textContent = all ? '●' : some ? '◐' : '·';
      });
    });
    const lines = this.getValue();
    this.said.textContent =
      lines.length > 0 ? lines.join('; ') : _('No hour is marked: it holds at all hours.');
  },

  getValue() {
    return linesOf(this.minutes);
  },

  setValue(value) {
    this.minutes = minutesOf(value ?? []);
    this.paint();
  },
});

return baseclass.extend({
  lines: (list) => linesOf(minutesOf(list)),

  Value: form.Value.extend({
    renderWidget(sid, _index, value) {
      const list = Array.isArray(value) ? value : value ? [value] : [];
      return new Grid(list, { id: this.cbid(sid) }).render();
    },
  }),
});
