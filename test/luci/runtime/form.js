// LuCI's module form: a map of sections with options, shown as fields or, in a grid, as rows with a dialog each.
/* global document, window */
{
  const { Base, classes, dom } = window.LUCI;
  const { ui, uci } = classes;
  const E = dom.create;
  const listOf = (value) =>
    Array.isArray(value) ? value : value === null || value === undefined ? [] : [value];
  const isEmpty = (value) => value === null || value === '' || value?.length === 0;

  const Map = Base.extend({
    __init__(config, title, description) {
      Object.assign(this, { config, title, description, parts: [] });
    },

    section(kind, ...words) {
      const made = new kind(this, ...words);
      this.parts.push(made);
      return made;
    },

    async render() {
      await uci.load(this.config);
      this.node = E('div', { class: 'cbi-map' }, [
        this.title ? E('h2', {}, this.title) : '',
        this.description ? E('div', {}, this.description) : '',
        ...this.parts.map((one) => one.render()),
      ]);
      dom.bindClassInstance(this.node, this);
      return this.node;
    },

    /** Rejects where a field is wrong. */
    async save() {
      for (const part of this.parts) part.parse();
      await uci.save();
      this.redraw();
    },

    async reset() {
      uci.unload(this.config);
      await uci.load(this.config);
      this.redraw();
    },

    redraw() {
      const parts = this.parts.map((one) => one.render());
      const old = this.node.querySelectorAll(':scope > .cbi-section');
      old.forEach((node, at) => {
        node.replaceWith(parts[at]);
      });
    },
  });

  const Section = Base.extend({
    __init__(map, sectiontype, title, description) {
      Object.assign(this, { map, sectiontype, title, description, children: [] });
    },

    option(kind, ...words) {
      const made = new kind(this.map, this, ...words);
      this.children.push(made);
      return made;
    },

    tab(name, title) {
      this.tabs ??= [];
      this.tabs.push([name, title]);
    },

    taboption(tab, ...words) {
      return Object.assign(this.option(...words), { tab });
    },

    sids() {
      return uci.sections(this.map.config, this.sectiontype).map((one) => one['.name']);
    },

    heading() {
      return [this.title ? E('h3', {}, this.title) : '', this.description ?? ''];
    },
  });

  const TypedSection = Section.extend({
    render() {
      const fields = this.sids().flatMap((sid) => this.children.map((one) => one.field(sid)));
      return E('div', { class: 'cbi-section' }, [...this.heading(), ...fields]);
    },

    parse() {
      for (const sid of this.sids()) for (const one of this.children) one.parse(sid);
    },
  });

  const GridSection = Section.extend({
    render() {
      const shown = this.children.filter(({ modalonly }) => modalonly !== true);
      const rows = this.sids().map((sid) =>
        E('tr', { class: 'tr', 'data-sid': sid }, [
          this.anonymous ? '' : E('th', { class: 'td', scope: 'row' }, [sid]),
          ...shown.map((one) =>
            E(
              'td',
              { class: 'td', 'data-title': one.title },
              one.editable ? [one.widget(sid)] : one.textvalue(sid),
            ),
          ),
          E('td', { class: 'td cbi-section-actions' }, [
            E('button', { click: () => this.edit(sid) }, ['Edit']),
            E('button', { click: () => this.remove(sid) }, ['Delete']),
          ]),
        ]),
      );
      const name = E('input', { type: 'text', 'aria-label': 'Name' });
      const titles = [...(this.anonymous ? [] : ['Name']), ...shown.map(({ title }) => title)];
      const head = titles.map((title) => E('th', { scope: 'col' }, title));
      return E('div', { class: 'cbi-section' }, [
        ...this.heading(),
        E('table', { class: 'table' }, [
          E('tr', { class: 'tr table-titles' }, [...head, E('td', {}, [])]),
          ...rows,
        ]),
        this.anonymous ? '' : name,
        E('button', { click: () => this.add(name.value) }, ['Add']),
      ]);
    },

    parse() {
      const edited = this.children.filter((one) => one.editable);
      for (const sid of this.sids()) for (const one of edited) one.parse(sid);
    },

    add(name) {
      const sid = uci.add(this.map.config, this.sectiontype, this.anonymous ? undefined : name);
      this.edit(sid);
    },

    remove(sid) {
      uci.remove(this.map.config, sid);
      this.map.redraw();
    },

    /** As in LuCI, the dialog has options of its own, made from those of the grid. */
    edit(sid) {
      const own = new Section(this.map, this.sectiontype);
      own.children = this.children
        .filter(({ modalonly }) => modalonly !== false)
        .map((one) => Object.assign(Object.create(one), { section: own, nodes: {} }));
      const said = E('p', { role: 'alert' });
      ui.showModal(sid, [
        ...own.children.map((one) => one.field(sid)),
        said,
        E('button', { click: ui.hideModal }, ['Dismiss']),
        E('button', { click: () => this.take(own, sid, said) }, ['Save']),
      ]);
    },

    take(own, sid, said) {
      try {
        for (const one of own.children) one.parse(sid);
      } catch (error) {
        said.textContent = error.message;
        return;
      }
      ui.hideModal();
      this.map.redraw();
    },
  });

  const Value = Base.extend({
    optional: false,
    rmempty: true,

    __init__(map, section, option, title, description) {
      Object.assign(this, { map, section, option, title, description, nodes: {} });
    },

    cbid(sid) {
      return `cbid.${this.map.config}.${sid}.${this.option}`;
    },

    cfgvalue(sid) {
      return uci.get(this.map.config, sid, this.option);
    },

    textvalue(sid) {
      return [listOf(this.cfgvalue(sid) ?? this.default).join(' ') || 'none'];
    },

    value(key, label) {
      this.keylist ??= [];
      this.keylist.push(key);
      this.vallist ??= [];
      this.vallist.push(label ?? key);
    },

    choices() {
      return (this.keylist ?? []).map((key, at) => [key, this.vallist[at]]);
    },

    /** As in LuCI, a widget of the page's own is found by its id alone. */
    getUIElement(sid) {
      const node = this.nodes[sid];
      return node?.isOfLuci || node?.id === this.cbid(sid) ? node.instance : null;
    },

    /** The node of a widget, whose getValue is called when the form is read. */
    widget(sid) {
      const made = this.renderWidget(sid, 0, this.cfgvalue(sid));
      this.nodes[sid] = made;
      made.addEventListener('change', () => this.check(sid, made));
      made.addEventListener('input', () => this.check(sid, made));
      return made;
    },

    check(sid, node) {
      const { typed = this.getUIElement(sid)?.getValue() } = node.instance ?? {};
      const wrong = this.validate?.(sid, typed) ?? true;
      const field = node.matches('input, select') ? node : (node.querySelector('input') ?? node);
      field.classList.toggle('cbi-input-invalid', wrong !== true);
      if (wrong === true) field.removeAttribute('data-tooltip');
      else field.setAttribute('data-tooltip', wrong);
      return wrong;
    },

    field(sid) {
      const node = this.widget(sid);
      const labelled = node.matches('input, select') ? node : node.querySelector('input');
      if (labelled !== null) labelled.id ||= this.cbid(sid);
      return E('div', { class: 'cbi-value', 'data-name': this.option }, [
        E('label', { for: labelled?.id ?? null }, this.title),
        node,
        this.description ? E('div', {}, this.description) : '',
      ]);
    },

    parse(sid) {
      const node = this.nodes[sid];
      if (node === undefined) return;
      const wrong = this.check(sid, node);
      if (wrong !== true) throw new TypeError(`Option "${this.title}": ${wrong}`);
      const value = this.getUIElement(sid)?.getValue() ?? null;
      const before = this.cfgvalue(sid);
      if (isEmpty(value) || (value === this.default && before === null)) {
        if (before !== null) uci.unset(this.map.config, sid, this.option);
      } else if (String(value) !== String(before))
        uci.set(this.map.config, sid, this.option, value);
    },

    renderWidget(_sid, _index, value) {
      const node = E('input', { type: 'text', value, placeholder: this.placeholder });
      return instanceOf(node, () => node.value);
    },
  });

  function instanceOf(node, getValue) {
    node.instance = { getValue };
    node.isOfLuci = true;
    return node;
  }

  const Flag = Value.extend({
    textvalue(sid) {
      return [(this.cfgvalue(sid) ?? this.default) === '1' ? 'Yes' : 'No'];
    },

    renderWidget(sid, _index, value) {
      const node = E('input', {
        type: 'checkbox',
        value: '1',
        'aria-label': `${this.title} ${sid}`,
      });
      node.checked = ['1', 'on', 'true', 'yes', 'enabled'].includes(value ?? this.default);
      return instanceOf(node, () => (node.checked ? '1' : '0'));
    },
  });

  const ListValue = Value.extend({
    renderWidget(_sid, _index, value) {
      const options = this.choices().map(([key, label]) => E('option', { value: key }, [label]));
      const node = E('select', {}, options);
      node.value = value ?? this.default ?? '';
      return instanceOf(node, () => node.value);
    },
  });

  const DynamicList = Value.extend({
    renderWidget(_sid, _index, value) {
      const items = listOf(value).slice();
      const typed = E('input', { type: 'text', placeholder: this.placeholder });
      const list = E('ul', {});
      const node = E('div', {}, [list, typed]);
      const draw = () =>
        dom.content(
          list,
          items.map((one, at) =>
            E(
              'li',
              {
                class: 'item',
                draggable: true,
                dragstart: () => {
                  dragged = at;
                },
                dragover: (event) => event.preventDefault(),
                drop: (event) => {
                  event.preventDefault();
                  move(at);
                },
              },
              [one, E('button', { click: () => take(at) }, [`Remove ${one}`])],
            ),
          ),
        );
      // As in LuCI, what is dragged stands before what it is dropped on.
      let dragged = 0;
      const move = (to) => {
        const [one] = items.splice(dragged, 1);
        items.splice(to > dragged ? to - 1 : to, 0, one);
        draw();
        node.dispatchEvent(new Event('change'));
      };
      const take = (at) => {
        items.splice(at, 1);
        draw();
        node.dispatchEvent(new Event('change'));
      };
      const add = (text) => {
        if (text !== '' && !typed.classList.contains('cbi-input-invalid')) items.push(text);
        typed.value = '';
        draw();
      };
      typed.addEventListener('keydown', ({ key }) => key === 'Enter' && add(typed.value));
      for (const [key, label] of this.choices()) {
        const choice = E('button', { class: 'choice', 'data-value': key, click: () => add(key) }, [
          label,
        ]);
        node.appendChild(choice);
      }
      draw();
      node.isOfLuci = true;
      node.instance = {
        getValue: () => items.concat(typed.value === '' ? [] : typed.value),
        get typed() {
          return typed.value;
        },
      };
      return node;
    },
  });

  classes.form = { Map, TypedSection, GridSection, Value, Flag, ListValue, DynamicList };
}
