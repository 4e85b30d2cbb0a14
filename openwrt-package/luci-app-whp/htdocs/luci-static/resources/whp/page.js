'use strict';
'require baseclass';
'require dom';
'require ui';
'require uci';
'require whp.agent as agent';
'require whp.rules as rules';

// Parts of the pages. What comes from the agent goes into arrays of children: E() makes text of their strings.

/** Commands of a fix that a page can do: changes of /etc/config/whp, and actions of the agent. */
const SET = /^uci (set|add_list|del_list|delete) whp\.(\w+)(?:\.(\w+))?(?:=(?:'([^']*)'|(\S+)))?$/;
const ACTION = /^whp (reload|resume|unpin|forget)(?: (\S+))?$|^whp proxy (use) (\S+)$/;

const listOf = (value) =>
  Array.isArray(value) ? value : value === null || value === undefined ? [] : [value];

/** The commands of a fix; null: there is one that no page can do. */
function stepsOf(fix) {
  const steps = (fix ?? '')
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part && part !== 'uci commit whp');
  const read = steps.map((step) => {
    const [set, verb, section, option, quoted, bare] = SET.exec(step) ?? [];
    if (set) return { step, verb, section, option, value: quoted ?? bare };
    const [action, name, operand = '', use, proxy] = ACTION.exec(step) ?? [];
    return action ? { step, name: name ?? use, operand: proxy ?? operand } : null;
  });
  return read.length > 0 && !read.includes(null) ? read : null;
}

function change({ verb, section, option, value }) {
  if (verb === 'delete')
    return option ? uci.unset('whp', section, option) : uci.remove('whp', section);
  if (!option) return uci.add('whp', value, section);
  if (verb === 'set') return uci.set('whp', section, option, value);
  const rest = listOf(uci.get('whp', section, option)).filter((one) => one !== value);
  const list = verb === 'add_list' ? [...rest, value] : rest;
  return list.length > 0
    ? uci.set('whp', section, option, list)
    : uci.unset('whp', section, option);
}

return baseclass.extend({
  /** A text with a direction of its own: numbers and units of it stay in their order in a page from right to left. */
  apart: (child) => (child instanceof Node ? child : E('bdi', {}, [child])),

  /** A table of LuCI. `columns`: title, and `cell`, which makes the children of a cell from a row. */
  table(columns, rows, empty) {
    const head = columns.map(({ title, sort }) =>
      title === ''
        ? E('td', { class: 'th' })
        : E('th', { class: 'th', scope: 'col', 'aria-sort': sort }, listOf(title)),
    );
    const body = rows.map((row) =>
      E(
        'tr',
        { class: 'tr' },
        columns.map(({ title, label, cell, kind }) =>
          E(
            'td',
            { class: `td ${kind ?? ''}`, 'data-title': label ?? title },
            listOf(cell(row)).map(this.apart),
          ),
        ),
      ),
    );
    if (body.length === 0)
      body.push(
        E('tr', { class: 'tr placeholder' }, [
          E('td', { class: 'td', colspan: columns.length }, [E('em', {}, [empty])]),
        ]),
      );
    return E('table', { class: 'table' }, [E('tr', { class: 'tr table-titles' }, head), ...body]);
  },

  section: (title, children, description) =>
    E('div', { class: 'cbi-section' }, [
      title ? E('h3', {}, [title]) : '',
      description ? E('div', { class: 'cbi-section-descr' }, [description]) : '',
      ...children,
    ]),

  /** Puts children into a node of the page, unless it has the same: a reader is told of changes alone, and what is being
   * pressed stays. The focus stays where it was. */
  show(node, children) {
    const made = Array.from(E('div', {}, children).childNodes);
    const before = node.childNodes;
    if (made.length === before.length && made.every((one, at) => one.isEqualNode(before[at])))
      return;
    const key = node.contains(document.activeElement)
      ? document.activeElement.getAttribute('data-key')
      : null;
    dom.content(node, made);
    if (key !== null) node.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  },

  /** A button that waits for what it begins. `key`: tells it from others of the same page; LuCI takes the focus from a
   * button that waits, and one with a key gets it back. */
  button(label, run, kind, key, more) {
    const back = () =>
      setTimeout(() => document.activeElement === document.body && this.focus(key), 0);
    const waits = (event) => Promise.resolve(run(event)).finally(key ? back : null);
    return E(
      'button',
      {
        class: `btn cbi-button cbi-button-${kind ?? 'neutral'}`,
        'data-key': key,
        click: ui.createHandlerFn(this, waits),
        ...more,
      },
      [label],
    );
  },

  /** Focuses what has the key now. */
  focus(key) {
    document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  },

  /** Shows a dialog, which keeps the focus; `close` gives it back to what has the key. Its first button closes it: LuCI
   * presses the first of a button-row when Escape is. `others`: the buttons after it. */
  dialog(title, label, others, children, key) {
    this.from = key;
    const keep = (event) => {
      if (event.key !== 'Tab') return;
      const ends = [buttons[0], buttons[buttons.length - 1]];
      if (event.target !== ends[event.shiftKey ? 0 : 1]) return;
      ends[event.shiftKey ? 1 : 0].focus();
      event.preventDefault();
    };
    const row = [this.button(label, () => this.close()), ...others].flatMap((one) => [one, ' ']);
    const box = E('div', { keydown: keep }, [...children, E('div', { class: 'button-row' }, row)]);
    const buttons = box.querySelectorAll('button');
    ui.showModal(title, [box]);
    buttons[0].focus();
  },

  close() {
    ui.hideModal();
    this.focus(this.from);
  },

  /** Says what an answer says; what is wrong stays until it is dismissed. Returns whether nothing is. */
  tell(answer) {
    const said = answer.error ?? answer.text;
    if (!said) return true;
    const children = [E('p', {}, [said, ' ', ...this.fix(answer)])];
    const box = ui.addNotification(null, children, answer.error ? 'error' : 'info');
    if (!answer.error) setTimeout(() => box.remove(), 10000);
    return !answer.error;
  },

  act(name, operand) {
    return agent.action(name, operand ?? '').then((answer) => this.tell(answer));
  },

  /** Writes what `edit` changes in /etc/config/whp, and applies it, unless it is wrong or other changes of the owner
   * wait. Resolves to whether it was applied. */
  write(edit, said) {
    return Promise.all([uci.load('whp'), agent.profiles(), rules.load()])
      .then(([, profiles]) => {
        edit();
        const wrong = rules.wrong(uci.sections('whp'), profiles.rows ?? []);
        if (wrong === null) return uci.changes();
        uci.unload('whp');
        throw new Error(wrong);
      })
      .then((waiting) =>
        uci.save().then(() => {
          if (Object.keys(waiting).length === 0)
            return uci.apply().then(() => this.tell({ text: said }));
          ui.changes.displayChanges();
          return false;
        }),
      )
      .catch((error) => this.tell({ error: error.message ?? String(error) }))
      .finally(() => ui.changes.init());
  },

  /** What can be done about a problem: a button where a page can do it, else the command. */
  fix({ fix }) {
    if (!fix) return [];
    const steps = stepsOf(fix);
    const command = E('code', { dir: 'ltr' }, [fix]);
    if (steps === null || !L.hasViewPermission()) return [command];
    const writes = steps.filter(({ verb }) => verb);
    const acts = steps.filter(({ name }) => name);
    const run = () =>
      writes.length > 0
        ? this.write(
            () => writes.forEach(change),
            _('Written: %s').format(writes.map(({ step }) => step).join('; ')),
          )
        : acts.reduce(
            (before, { name, operand }) => before.then(() => this.act(name, operand)),
            Promise.resolve(),
          );
    return [
      this.button(_('Do it'), run, 'action', fix, {
        title: fix,
        'aria-label': _('Do it: %s').format(fix),
      }),
    ];
  },

  problems(list, empty) {
    return this.table(
      [
        {
          title: _('What'),
          cell: ({ place, text }) => [
            place ? E('strong', {}, [place]) : '',
            place ? ' ' : '',
            text,
          ],
        },
        { title: _('What to do'), cell: (one) => this.fix(one) },
      ],
      list,
      empty,
    );
  },

  /** Why nothing can be shown. */
  failure(answer) {
    const isStopped = !answer.unreachable && /no agent/.test(answer.error);
    return E('div', { class: 'alert-message warning', role: 'status' }, [
      E('p', {}, [
        E('strong', {}, [isStopped ? _('The Whole Home Proxy is not running') : _('No answer')]),
      ]),
      E('p', {}, [
        isStopped
          ? _('Your applications go out directly or are blocked. Nothing here is protected anew.')
          : answer.error,
      ]),
      isStopped && L.hasViewPermission()
        ? E('p', {}, [
            this.button(
              _('Start it'),
              () => agent.start().then((said) => this.tell(said)),
              'positive',
              'start',
            ),
          ])
        : '',
    ]);
  },
});
