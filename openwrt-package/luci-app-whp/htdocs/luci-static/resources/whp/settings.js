'use strict';
'require baseclass';
'require form';
'require uci';
'require whp.agent as agent';
'require whp.rules as rules';

// What the pages of settings share. Each option is checked as it is typed, by the rules of the agent (whp/rules.js).

const listOf = (value) =>
  Array.isArray(value)
    ? value
    : value === null || value === undefined || value === ''
      ? []
      : [value];

/** The first problem of an option with the values that the form has now. */
function problemOf(option, sid, value, profiles) {
  const typed = {};
  for (const other of option.section.children) {
    const element = other.option && other.getUIElement(sid);
    if (element) typed[other.option] = element.getValue();
  }
  const isList = rules.sections[uci.get('whp', sid)['.type']].lists.includes(option.option);
  // Of a list the text is checked that is being added; of a checkbox it is no value.
  if (isList)
    typed[option.option] = [...new Set([...listOf(typed[option.option]), ...listOf(value)])];
  const sections = uci
    .sections('whp')
    .map((one) => (one['.name'] === sid ? { ...one, ...typed } : one));
  const mine = rules.problems(sections, profiles).filter((one) => one.section === sid);
  return (
    mine.find((one) => one.option === option.option) ??
    (option.speaks ? mine.find((one) => one.option === null) : undefined)
  );
}

return baseclass.extend({
  /** Reads the configuration, and what the agent knows of devices and profiles; `failed`: its error. */
  load() {
    return Promise.all([uci.load('whp'), agent.devices(), agent.profiles(), rules.load()]).then(
      ([, devices, profiles]) => {
        this.failed = devices.error ? devices : null;
        this.devices = devices.rows ?? [];
        this.profiles = profiles.rows ?? [];
      },
    );
  },

  /** `more`: properties of the option. `speaks`: it shows the problems of its section as a whole, too. */
  option(section, kind, name, title, description, more) {
    const profiles = this.profiles.map(({ profile }) => profile);
    const option = section.tabs
      ? section.taboption(more?.tab ?? 'general', kind, name, title, description)
      : section.option(kind, name, title, description);
    // Without the profiles nobody can say that one of them is missing.
    option.validate = function (sid, value) {
      // A dialog has options of its own, made like these.
      const problem = problemOf(
        this,
        sid,
        value,
        profiles.length > 0 ? profiles : listOf(uci.get('whp', sid, 'profile')),
      );
      return problem ? problem.text : true;
    };
    return Object.assign(option, { modalonly: true, optional: true }, more);
  },

  flag(section, name, title, description, more) {
    return this.option(section, form.Flag, name, title, description, {
      optional: false,
      default: '0',
      ...more,
    });
  },

  grid(map, type, title, description, more) {
    const section = map.section(form.GridSection, type, title, description);
    return Object.assign(section, { addremove: true, nodescriptions: true, sortable: true }, more);
  },

  /** Offers what is known for a list of devices: also a section that was added on this page. */
  offerDevices(option, sections) {
    const { devices } = this;
    const offer = (to) => {
      const add = (key, label) => to.keylist?.includes(key) || to.value(key, label);
      for (const type of sections)
        for (const one of uci.sections('whp', type)) add(one['.name'], one['.name']);
      for (const { mac, device, addresses } of devices)
        if (mac) add(mac, E('span', {}, [`${device ?? addresses[0] ?? ''} (${mac})`]));
    };
    option.renderWidget = function (...given) {
      offer(this);
      return form.DynamicList.prototype.renderWidget.apply(this, given);
    };
    return option;
  },

  /** The one section of a type. `isNeeded`: it is made where the file has none; else there is a button for it. */
  single(map, type, isNeeded, title, description) {
    const isThere = uci.sections('whp', type).length > 0;
    if (isNeeded && !isThere) uci.add('whp', type, type);
    const section = map.section(form.TypedSection, type, title, description);
    return Object.assign(section, { anonymous: true, addremove: !isNeeded });
  },
});
