'use strict';
'require view';
'require uci';
'require whp.agent as agent';
'require whp.page as page';
'require whp.rules as rules';
'require whp.settings as settings';
'require whp.test as test';

// From an installed package to a protected call: the numbers of a server, the applications, the devices, the test.

const FIELDS = [
  ['address', _('Address of the server'), '203.0.113.20'],
  ['key', _('Key'), '5300'],
  ['local', _('Inner address here'), '10.213.0.1'],
  ['remote', _('Inner address of the server'), '10.213.0.2'],
];

/** Seconds until the test begins, whatever the agent says. */
const TRIES = 20;
/** The application of the names that are typed here. */
const OWN = 'own';

return view.extend({
  handleSave: null,
  handleSaveApply: null,
  handleReset: null,

  load: () => settings.load(),

  render() {
    const first = uci.sections('whp', 'proxy')[0] ?? { '.name': 'cloud' };
    this.proxy = first['.name'];
    this.extra = {};
    this.wrong = E('div', { role: 'alert' });
    this.lines = E('div', { 'aria-live': 'polite' });
    this.inputs = {};
    const fields = FIELDS.map(([name, title, example]) => {
      const input = E('input', {
        type: 'text',
        id: `whp-${name}`,
        class: 'cbi-input-text',
        dir: 'ltr',
        placeholder: example,
        value: first[name] ?? '',
        input: () => this.check(),
      });
      this.inputs[name] = input;
      return this.row(title, input);
    });
    const paste = E('textarea', {
      id: 'whp-paste',
      class: 'cbi-input-textarea',
      dir: 'ltr',
      rows: 4,
      placeholder: "uci set whp.cloud.address='203.0.113.20'",
      input: () => this.read(paste.value),
    });
    this.names = E('input', {
      type: 'text',
      id: 'whp-names',
      class: 'cbi-input-text',
      dir: 'ltr',
      placeholder: 'calls.example.com',
      input: () => this.check(),
    });
    const apps = settings.profiles.map(({ profile, title, retired }) =>
      this.box(
        'app',
        profile,
        retired ? _('%s (ended)').format(title) : title,
        uci.get('whp', profile, 'enabled') === '1',
      ),
    );
    const devices = settings.devices
      .filter(({ mac }) => mac)
      .map(({ mac, device, addresses }) =>
        this.box('device', mac, device ?? addresses[0] ?? mac, false),
      );
    return E(
      [],
      [
        E('h2', {}, [_('First steps')]),
        settings.failed ? page.failure(settings.failed) : '',
        E('div', { class: 'cbi-map-descr' }, [
          _('You need a server with a public address, and the lines that its installer printed.'),
        ]),
        page.section(_('1. Your server'), [this.row(_('Paste the lines here'), paste), ...fields]),
        page.section(_('2. Applications'), [
          E('p', {}, apps),
          this.row(
            _('Or names of your own'),
            this.names,
            _('Each with everything below it; a space between two.'),
          ),
        ]),
        page.section(
          _('3. Devices'),
          [E('p', {}, devices.length > 0 ? devices : [_('No device is known yet.')])],
          _('Mark none to protect all devices.'),
        ),
        page.section(_('4. Begin'), [
          this.wrong,
          E('p', {}, [
            page.button(_('Save, apply and test'), () => this.begin(), 'apply', 'begin'),
          ]),
          this.lines,
        ]),
      ],
    );
  },

  row: (title, input, hint) =>
    E('div', { class: 'cbi-value' }, [
      E('label', { class: 'cbi-value-title', for: input.id }, [title]),
      E('div', { class: 'cbi-value-field' }, [
        input,
        hint ? E('div', { class: 'cbi-value-description' }, [hint]) : '',
      ]),
    ]),

  box(kind, value, title, checked) {
    return E('label', { class: 'nowrap' }, [
      E('input', {
        type: 'checkbox',
        'data-kind': kind,
        value: value,
        checked: checked ? true : null,
        change: () => this.check(),
      }),
      ` ${title}\u2003`,
    ]);
  },

  marked: (kind) =>
    Array.from(
      document.querySelectorAll(`input[data-kind="${kind}"]:checked`),
      ({ value }) => value,
    ),

  /** Takes the lines of whp-proxy: uci commands, or those of the file. */
  read(text) {
    const found = text.matchAll(/(?:uci set whp\.\w+\.|option )(\w+)(?:=| )'?([^'\s]+)'?/g);
    for (const [, name, value] of found) {
      if (this.inputs[name]) this.inputs[name].value = value;
      else if (rules.sections.proxy.options.includes(name)) this.extra[name] = value;
    }
    this.check();
  },

  /** The proxy and the applications as they would be written. */
  wanted() {
    const proxy = { ...this.extra, enabled: '1' };
    for (const [name] of FIELDS) proxy[name] = this.inputs[name].value.trim();
    const devices = this.marked('device');
    const apps = this.marked('app').map((name) => [
      name,
      { enabled: '1', proxy: [this.proxy], ...(devices.length > 0 ? { device: devices } : {}) },
    ]);
    const names = this.names.value.split(/\s+/).filter(Boolean);
    const rule =
      names.length > 0
        ? [['rule', `${OWN}_names`, { action: 'proxy', app: OWN, name: names }]]
        : [];
    if (names.length > 0)
      apps.push([
        OWN,
        { enabled: '1', proxy: [this.proxy], ...(devices.length > 0 ? { device: devices } : {}) },
      ]);
    return [
      ['proxy', this.proxy, proxy],
      ...apps.map(([name, values]) => ['app', name, values]),
      ...rule,
    ];
  },

  check() {
    const sections = new Map(uci.sections('whp').map((one) => [one['.name'], one]));
    const wanted = this.wanted();
    for (const [type, name, values] of wanted)
      sections.set(name, {
        '.name': name,
        '.type': type,
        '.anonymous': false,
        ...sections.get(name),
        ...values,
      });
    const found = rules.problems(
      [...sections.values()],
      settings.profiles.map(({ profile }) => profile),
    );
    const problems = wanted.length > 1 ? found : [...found, { text: _('choose an application') }];
    page.show(
      this.wrong,
      problems.map(({ section, option, text }) =>
        E('p', { class: 'alert-message warning' }, [
          [section, option].filter(Boolean).join(' '),
          ' ',
          text,
        ]),
      ),
    );
    for (const [name] of FIELDS)
      this.inputs[name].classList.toggle(
        'cbi-input-invalid',
        problems.some((one) => one.section === this.proxy && one.option === name),
      );
    return problems.length === 0;
  },

  begin() {
    if (!this.check()) return Promise.resolve();
    const wanted = this.wanted();
    return page
      .write(() => {
        for (const [type, name, values] of wanted) {
          if (!uci.get('whp', name)) uci.add('whp', type, name);
          for (const [option, value] of Object.entries(values)) uci.set('whp', name, option, value);
        }
      }, _('Written: the proxy and the applications'))
      .then((isApplied) => {
        if (!isApplied) return;
        page.show(this.lines, [E('em', { class: 'spinning' }, [_('Waiting for the tunnel …')])]);
        const names = wanted.filter(([type]) => type === 'app').map(([, name]) => name);
        return this.loaded(names, TRIES).then(() => test.run(this.lines));
      });
  },

  /** Waits until the agent has the applications, and the tunnel is up or down. */
  loaded(names, tries) {
    return agent.status().then(({ apps = [], proxies = [] }) => {
      const hasAll = names.every((name) => apps.some(({ app }) => app === name));
      const isKnown = proxies.some(
        ({ proxy, state }) => proxy === this.proxy && state !== 'probing',
      );
      if ((hasAll && isKnown) || tries === 0) return;
      return new Promise((resolve) => setTimeout(resolve, 1000)).then(() =>
        this.loaded(names, tries - 1),
      );
    });
  },
});
