'use strict';
'require view';
'require uci';
'require whp.agent as agent';
'require whp.graph as graph';
'require whp.page as page';
'require whp.state as state';
'require whp.words as words';

// The first page: whether it protects, and of each application and proxy how it is.

/** Numbers of the graph: three minutes. */
const SHOWN = 36;
const EVERY = 5;
/** Bytes that the tunnel adds to each packet: IPv4, GRE with a key, and the header of Ethernet. */
const WRAP = 42;

return view.extend({
  handleSave: null,
  handleSaveApply: null,
  handleReset: null,

  load() {
    return L.hasViewPermission() ? L.resolveDefault(uci.load('whp')) : null;
  },

  render() {
    this.devices = [];
    this.rates = { proxied: [], direct: [] };
    this.counted = new Map();
    this.parts = {};
    for (const part of ['state', 'traffic', 'apps', 'proxies', 'outside'])
      this.parts[part] = E('div', {});
    this.parts.state.setAttribute('aria-live', 'polite');
    this.look = agent.follow(
      5,
      () => agent.status(),
      (status) => this.showStatus(status),
    );
    agent.follow(
      EVERY,
      () => agent.traffic(),
      (traffic) => this.showTraffic(traffic),
    );
    agent.follow(
      15,
      () => agent.counters(),
      ({ rows }) => {
        for (const { subject, bytes_up, bytes_down } of rows ?? [])
          this.counted.set(subject, bytes_up + bytes_down);
      },
    );
    return E([], [E('h2', {}, [_('Whole Home Proxy')]), ...Object.values(this.parts)]);
  },

  showStatus(status) {
    const { parts } = this;
    if (status.error) {
      page.show(parts.state, [page.failure(status)]);
      for (const part of ['apps', 'proxies', 'outside']) page.show(parts[part], []);
      return;
    }
    page.show(parts.state, [this.sentence(state.of(status))]);
    this.meet(status);
    page.show(parts.apps, [this.apps(status)]);
    page.show(parts.proxies, [this.proxies(status)]);
    page.show(parts.outside, status.state === 'idle' ? [] : [this.outside(status)]);
  },

  /** Asks which devices the applications are for, when there are others of these. */
  meet(status) {
    const apps = status.apps.map(({ app }) => app).join();
    if (apps === this.met) return;
    this.met = apps;
    agent.devices().then(({ rows }) => {
      this.devices = rows ?? [];
      page.show(this.parts.apps, [this.apps(status)]);
    });
  },

  sentence({ kind, title, text, why, fix, setup, attention }) {
    const go = (path, label) =>
      E(
        'a',
        { class: 'btn cbi-button cbi-button-action', href: L.url(`admin/services/whp/${path}`) },
        [label],
      );
    return E('div', { class: `alert-message ${kind}` }, [
      E('p', {}, [E('strong', {}, [title])]),
      E('p', {}, [text, why ? ` (${why})` : '']),
      E(
        'p',
        {},
        setup
          ? [go('setup', _('Set it up'))]
          : attention
            ? [go('attention', _('See what'))]
            : page.fix({ fix }),
      ),
    ]);
  },

  apps({ apps }) {
    const off = uci
      .sections('whp', 'app')
      .filter((one) => !apps.some(({ app }) => app === one['.name']));
    const rows = [...apps, ...off.map((one) => ({ app: one['.name'], off: true }))];
    const unlessOff = (cell) => (one) => (one.off ? '–' : cell(one));
    return page.section(_('Applications'), [
      page.table(
        [
          { title: _('Application'), cell: ({ app }) => [E('strong', {}, [app])] },
          {
            title: _('State'),
            cell: (one) => (one.off ? [E('span', { class: 'label' }, [_('Off')])] : this.path(one)),
          },
          { title: _('Path'), cell: unlessOff(({ new_connections: { proxy } }) => proxy ?? '–') },
          {
            title: _('Devices'),
            cell: unlessOff(
              ({ app }) => this.devices.filter((one) => one.apps.includes(app)).length,
            ),
          },
          { title: _('Connections now'), cell: unlessOff(({ flows }) => flows) },
          {
            title: _('Traffic so far'),
            cell: unlessOff(({ app }) =>
              this.counted.has(`app ${app}`) ? words.bytes(this.counted.get(`app ${app}`)) : '–',
            ),
          },
          ...(L.hasViewPermission()
            ? [{ title: '', kind: 'cbi-section-actions', cell: (one) => this.steer(one) }]
            : []),
        ],
        rows,
        _('No application is chosen.'),
      ),
    ]);
  },

  path({ new_connections }) {
    const { label, text, why } = state.path(new_connections);
    return [
      E('span', { class: `label ${label}` }, [text]),
      why ? E('div', {}, [E('small', {}, [why])]) : '',
    ];
  },

  steer({ app, off, new_connections }) {
    const act = (name, operand) => page.act(name, operand).then(this.look);
    const button = (label, name, run, kind) =>
      page.button(label, run, kind, `${name} ${app}`, { 'aria-label': `${label}: ${app}` });
    if (off)
      return button(
        _('Turn on'),
        'on',
        () =>
          page
            .write(() => uci.set('whp', app, 'enabled', '1'), _('Written: %s is on').format(app))
            .then(this.look),
        'positive',
      );
    if (new_connections.cause === 'paused')
      return button(_('Resume'), 'resume', () => act('resume', app), 'positive');
    return button(_('Pause for an hour'), 'pause', () => this.pause(app, act), 'negative');
  },

  pause(app, act) {
    const run = () => {
      page.close();
      return act('pause', `${app} 60`);
    };
    page.dialog(
      _('Pause for an hour'),
      _('Cancel'),
      [page.button(_('Pause'), run, 'negative')],
      [
        E('p', {}, [
          _('New connections of %s then go out directly and show the address of your home.').format(
            app,
          ),
        ]),
      ],
      `pause ${app}`,
    );
  },

  proxies({ proxies, moves }) {
    const label = { up: 'success', probing: 'notice' };
    const last = moves
      .slice(0, 3)
      .map(({ app, before, reason, ago_s, ...way }) =>
        E('li', {}, [
          _('%s: %s changed from %s to %s').format(
            words.ago(ago_s),
            app,
            before ?? _('no proxy'),
            way.state === 'proxied' && way.proxy ? way.proxy : words.path(way),
          ),
          reason ? ` (${reason})` : '',
        ]),
      );
    return page.section(_('Proxies'), [
      page.table(
        [
          { title: _('Proxy'), cell: ({ proxy }) => [E('strong', {}, [proxy])] },
          {
            title: _('State'),
            cell: (one) => [
              E('span', { class: `label ${label[one.state] ?? 'warning'}` }, [
                words.proxyState(one.state),
              ]),
              one.reason ? E('div', {}, [E('small', {}, [one.reason])]) : '',
            ],
          },
          { title: _('Since'), cell: ({ state_s }) => words.time(state_s) },
          {
            title: _('Answers after'),
            cell: ({ rtt_ms }) => (rtt_ms === null ? '–' : _('%d ms').format(rtt_ms)),
          },
          { title: _('Lost'), cell: ({ loss_percent }) => `${loss_percent} %` },
          { title: _('Address'), cell: ({ address }) => [address, ' ', E('small', {}, ['GRE'])] },
        ],
        proxies,
        _('No proxy is set up.'),
      ),
      last.length > 0 ? E('ul', {}, last) : '',
    ]);
  },

  /** What left beside the tunnels. */
  outside({ outside }) {
    const left = outside.apps.filter(({ packets, late }) => packets > 0 || late !== null);
    const kept = outside.stands
      ? _('No packet of your applications has left outside the tunnel.')
      : _('Nobody counts now what leaves outside the tunnel.');
    if (left.length === 0) return page.section(_('Left outside'), [E('p', {}, [kept])]);
    return page.section(_('Left outside'), [
      page.table(
        [
          { title: _('Application'), cell: ({ app }) => [E('strong', {}, [app])] },
          { title: _('Packets'), cell: ({ packets, late }) => packets + (late?.packets ?? 0) },
          {
            title: _('Last time'),
            cell: ({ last, late }) =>
              words.ago(Math.min(last?.ago_s ?? Infinity, late?.last.ago_s ?? Infinity)),
          },
          {
            title: _('Why'),
            cell: ({ last, late }) =>
              last
                ? [words.device(last), ': ', last.detail]
                : [
                    words.device(late.last),
                    ': ',
                    _('it began before it could be recognised, and was cut'),
                  ],
          },
        ],
        left.filter(({ last, late }) => last ?? late),
        kept,
      ),
    ]);
  },

  showTraffic({ up_ms, rows }) {
    const before = this.before;
    if (!rows) return;
    const sum = (tunnel) =>
      rows
        .filter(({ proxy }) => (proxy !== null) === tunnel)
        .reduce(
          (all, one) => ({
            bytes: all.bytes + one.bytes_up + one.bytes_down,
            packets: all.packets + one.packets_up + one.packets_down,
          }),
          { bytes: 0, packets: 0 },
        );
    const [proxied, way] = [sum(true), sum(false)];
    this.before = { up_ms, proxied, way };
    if (!before || up_ms <= before.up_ms) return;
    const rate = (one, other) => Math.max(0, ((one - other) * 8000) / (up_ms - before.up_ms));
    const inside = rate(proxied.bytes, before.proxied.bytes);
    const wrapped = inside + rate(proxied.packets, before.proxied.packets) * WRAP;
    const add = (list, value) => {
      list.push(value);
      if (list.length > SHOWN) list.shift();
    };
    add(this.rates.proxied, inside);
    add(this.rates.direct, Math.max(0, rate(way.bytes, before.way.bytes) - wrapped));
    const now = (list) => words.rate(list[list.length - 1]);
    const names = [
      _('Through your server: %s').format(now(this.rates.proxied)),
      _('Directly: %s').format(now(this.rates.direct)),
    ];
    page.show(this.parts.traffic, [
      page.section(_('Traffic of the last three minutes'), [
        graph.lines([this.rates.proxied, this.rates.direct], SHOWN, names.join(', '), words.rate),
        graph.legend(names),
      ]),
    ]);
  },
});
