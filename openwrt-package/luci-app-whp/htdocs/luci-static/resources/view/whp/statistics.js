'use strict';
'require view';
'require whp.agent as agent';
'require whp.graph as graph';
'require whp.page as page';
'require whp.words as words';

// Traffic of the hour to the year, who had most of it, and the connections that ended.

const RANGES = [
  ['hour', _('Hour')],
  ['day', _('Day')],
  ['week', _('Week')],
  ['month', _('Month')],
  ['year', _('Year')],
];
const LOGGED = 50;

return view.extend({
  handleSave: null,
  handleSaveApply: null,
  handleReset: null,

  load: () => Promise.all([agent.counters(), agent.log(LOGGED)]),

  render([counters, log]) {
    const head = E('h2', {}, [_('Statistics')]);
    if (counters.error) return E([], [head, page.failure(counters)]);
    this.graph = E('div', { 'aria-live': 'polite' });
    this.asked = { subject: counters.rows[0]?.subject, range: 'day' };
    const choice = (label, list, name) => {
      const select = E(
        'select',
        { class: 'cbi-input-select', 'aria-label': label },
        list.map(([value, text]) =>
          E('option', { value: value, selected: this.asked[name] === value ? true : null }, [text]),
        ),
      );
      select.addEventListener('change', () => {
        this.asked[name] = select.value;
        this.draw();
      });
      return select;
    };
    const KINDS = { app: _('Application'), device: _('Device'), proxy: _('Proxy') };
    const nameOf = ({ subject, device }) => device ?? subject.slice(subject.indexOf(' ') + 1);
    const subjects = counters.rows.map((one) => [
      one.subject,
      `${KINDS[one.subject.split(' ')[0]]} ${nameOf(one)}`,
    ]);
    const most = (kind) =>
      counters.rows
        .filter(({ subject }) => subject.startsWith(`${kind} `))
        .sort((a, b) => sum(b) - sum(a))
        .slice(0, 10);
    const sum = ({ bytes_up, bytes_down }) => bytes_up + bytes_down;
    const talkers = (kind, title) =>
      page.section(title, [
        page.table(
          [
            { title: KINDS[kind], cell: nameOf },
            { title: _('Received'), cell: ({ bytes_down }) => words.bytes(bytes_down) },
            { title: _('Sent'), cell: ({ bytes_up }) => words.bytes(bytes_up) },
            { title: _('Connections'), cell: ({ flows }) => flows },
          ],
          most(kind),
          _('Nothing was counted yet.'),
        ),
      ]);
    if (subjects.length > 0) this.draw();
    return E(
      [],
      [
        head,
        subjects.length > 0
          ? page.section(_('Traffic'), [
              E('p', {}, [
                choice(_('Of'), subjects, 'subject'),
                ' ',
                choice(_('In the last'), RANGES, 'range'),
              ]),
              this.graph,
            ])
          : '',
        talkers('app', _('Most by application')),
        talkers('device', _('Most by device')),
        this.log(log),
      ],
    );
  },

  draw() {
    const { subject, range } = this.asked;
    return agent.counters(subject, range).then((answer) => {
      if (answer.error) return page.show(this.graph, [page.failure(answer)]);
      const { bytes_up, bytes_down, step_s } = answer;
      const total = (list) => words.bytes(list.reduce((all, one) => all + one, 0));
      const names = [
        _('Received: %s').format(total(bytes_down)),
        _('Sent: %s').format(total(bytes_up)),
      ];
      page.show(this.graph, [
        graph.lines([bytes_down, bytes_up], bytes_up.length, names.join(', '), words.bytes),
        graph.legend(names),
        E('small', {}, [_('Each step is %s.').format(words.time(step_s))]),
      ]);
    });
  },

  log({ rows, error }) {
    const day = (time) => (time === null ? '–' : new Date(time * 1000).toLocaleString());
    const columns = [
      { title: _('Ended'), cell: ({ end_time }) => day(end_time) },
      { title: _('Device'), cell: (flow) => words.device(flow) },
      { title: _('Application'), cell: ({ app }) => app },
      {
        title: _('Other end'),
        cell: ({ destination, destination_port }) => [
          destination,
          destination_port === null ? '' : ` ${_('port')} ${destination_port}`,
        ],
      },
      {
        title: _('Traffic'),
        cell: ({ bytes_up, bytes_down }) => words.bytes(bytes_up + bytes_down),
      },
      { title: _('Path'), cell: (flow) => words.path(flow) },
    ];
    return page.section(_('Ended connections'), [
      page.table(columns, rows ?? [], error ?? _('None has ended since the start.')),
      E('p', {}, [page.button(_('Download as CSV'), () => this.download(), 'neutral', 'csv')]),
    ]);
  },

  download() {
    return agent.log(null, 'csv').then((answer) => {
      if (answer.error) return page.tell(answer);
      const url = URL.createObjectURL(new Blob([answer.csv], { type: 'text/csv' }));
      E('a', { href: url, download: 'whp-connections.csv' }).click();
      setTimeout(() => URL.revokeObjectURL(url), 1000);
    });
  },
});
