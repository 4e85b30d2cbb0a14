'use strict';
'require view';
'require uci';
'require whp.agent as agent';
'require whp.page as page';
'require whp.words as words';

// The open connections of the applications, a page of fifty at a time, and why each goes where it goes.

const PAGE = 50;
const COLUMNS = [
  ['device', _('Device')],
  ['app', _('Application')],
  ['remote', _('Other end')],
  ['bytes', _('Traffic')],
  ['age', _('For')],
  ['proxy', _('Path')],
  ['evidence', _('Recognised by')],
];

return view.extend({
  handleSave: null,
  handleSaveApply: null,
  handleReset: null,

  load: () => agent.status(),

  render(status) {
    this.asked = { offset: 0, app: '', search: '', sort: 'bytes', descending: true };
    this.list = E('div', {});
    this.count = E('span', { role: 'status' });
    const search = E('input', {
      type: 'text',
      class: 'cbi-input-text',
      'aria-label': _('Search'),
      placeholder: _('Device, address, port …'),
    });
    search.addEventListener('input', () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.ask({ search: search.value.trim(), offset: 0 }), 300);
    });
    const apps = (status.apps ?? []).map(({ app }) => E('option', { value: app }, [app]));
    const app = E(
      'select',
      {
        class: 'cbi-input-select',
        'aria-label': _('Application'),
        change: () => this.ask({ app: app.value, offset: 0 }),
      },
      [E('option', { value: '' }, [_('All applications')]), ...apps],
    );
    agent.follow(
      10,
      () => this.fetch(),
      (answer) => this.show(answer),
    );
    return E(
      [],
      [
        E('h2', {}, [_('Connections')]),
        E('div', { class: 'cbi-map-descr' }, [
          _(
            'What your applications are connected to now. “Why” tells how a connection was recognised.',
          ),
        ]),
        E('div', { class: 'cbi-section' }, [
          E('p', {}, [search, ' ', app, ' ', this.count]),
          this.list,
        ]),
      ],
    );
  },

  ask(change) {
    Object.assign(this.asked, change);
    return this.fetch().then((answer) => this.show(answer));
  },

  /** Of several questions under way only the answer to the last one counts. */
  fetch() {
    const { offset, app, search, sort, descending } = this.asked;
    const mine = {};
    this.last = mine;
    return agent
      .flows(PAGE, offset, app, search, sort, descending)
      .then((answer) => (this.last === mine ? answer : null));
  },

  show(answer) {
    if (answer === null) return;
    if (answer.error) {
      this.count.textContent = '';
      return page.show(this.list, [page.failure(answer)]);
    }
    const { rows, total } = answer;
    const { offset, search, app } = this.asked;
    if (rows.length === 0 && total > 0)
      return this.ask({ offset: Math.floor((total - 1) / PAGE) * PAGE });
    this.count.textContent = N_(total, 'One connection', '%d connections').format(total);
    const cells = {
      device: (flow) => words.device(flow),
      app: (flow) => flow.app,
      remote: ({ destination, destination_port, protocol }) => [
        destination,
        destination_port === null ? '' : ` ${_('port')} ${destination_port}`,
        ' ',
        E('small', {}, [protocol]),
      ],
      bytes: ({ bytes_up, bytes_down }) => [
        E('bdi', { class: 'nowrap' }, [words.bytes(bytes_up + bytes_down)]),
      ],
      age: ({ start_time }) =>
        start_time === null
          ? '–'
          : words.time(Math.max(0, Math.round(Date.now() / 1000 - start_time))),
      proxy: (flow) => words.path(flow),
      evidence: ({ evidence }) => words.evidence(evidence),
    };
    const columns = COLUMNS.map(([name, title]) => ({
      title: this.order(name, title),
      label: title,
      cell: cells[name],
      sort: this.sorted(name),
    }));
    const why = (flow) =>
      page.button(_('Why'), () => this.why(flow), 'neutral', `why ${flow.flow}`, {
        'aria-label': _('Why %s').format(flow.flow),
      });
    const empty = search || app ? _('No connection fits.') : _('No application is connected now.');
    page.show(this.list, [
      page.table([...columns, { title: '', kind: 'cbi-section-actions', cell: why }], rows, empty),
      this.pager(offset, rows.length, total),
    ]);
  },

  sorted(name) {
    if (this.asked.sort !== name) return null;
    return this.asked.descending ? 'descending' : 'ascending';
  },

  /** The title of a column, which sorts by it. */
  order(name, title) {
    const { sort, descending } = this.asked;
    const turn = () =>
      this.ask({
        sort: name,
        descending: sort === name ? !descending : name === 'bytes',
        offset: 0,
      });
    const arrow = sort === name ? (descending ? ' ▾' : ' ▴') : '';
    return E(
      'a',
      {
        href: '#',
        'data-key': `sort ${name}`,
        click: (event) => {
          event.preventDefault();
          turn();
        },
      },
      [title, arrow],
    );
  },

  pager(offset, shown, total) {
    if (total <= PAGE) return '';
    const go = (label, to) =>
      page.button(label, () => this.ask({ offset: to }), 'neutral', label, {
        disabled: to < 0 || to >= total ? true : null,
      });
    return E('p', {}, [
      go(_('« Back'), offset - PAGE),
      ' ',
      _('%d to %d of %d').format(offset + 1, offset + shown, total),
      ' ',
      go(_('Further »'), offset + PAGE),
    ]);
  },

  why(flow) {
    return agent.why(flow.flow).then((answer) => {
      const reasons = (answer.reasons ?? []).map((text) => E('li', {}, [page.apart(text)]));
      const facts = [
        _('Device'),
        words.device(flow),
        _('Application'),
        flow.app,
        _('Other end'),
        flow.destination,
        _('Recognised by'),
        `${words.evidence(flow.evidence)}: ${flow.detail}`,
      ];
      const terms = [];
      for (let at = 0; at < facts.length; at += 2)
        terms.push(E('div', {}, [E('strong', {}, [facts[at]]), ': ', page.apart(facts[at + 1])]));
      page.dialog(
        _('Why this connection?'),
        _('Close'),
        L.hasViewPermission() ? this.choices(flow) : [],
        [
          E('p', {}, [E('strong', {}, [page.apart(answer.verdict ?? answer.error)])]),
          ...terms,
          reasons.length > 0 ? E('ol', {}, reasons) : '',
        ],
        `why ${flow.flow}`,
      );
    });
  },

  choices(flow) {
    const choice = (label, run, kind, title) =>
      page.button(
        label,
        () => {
          page.close();
          return run();
        },
        kind,
        null,
        { title },
      );
    return [
      choice(
        _('Keep it direct'),
        () => this.exclude(flow),
        'negative',
        _('Writes a rule for this address'),
      ),
      choice(
        _('Always by the proxy'),
        () => page.act('pin', `${flow.destination} ${flow.app}`),
        'positive',
        _('Pins this address'),
      ),
      choice(
        _('Forget'),
        () => page.act('forget', flow.destination),
        'action',
        _('Forgets what was learned of this address'),
      ),
    ];
  },

  /** Writes a rule that keeps the address direct, and says what was written. */
  exclude({ destination, app }) {
    return page.write(
      () => {
        const section = uci.add('whp', 'rule');
        uci.set('whp', section, 'action', 'direct');
        uci.set('whp', section, 'app', app);
        uci.set('whp', section, 'address', [destination]);
      },
      _('Written: a rule that keeps %s direct for %s').format(destination, app),
    );
  },
});
