// LuCI's module uci: the sections of a configuration, changed here, saved and applied by rpcd's methods of the same
// names (test/luci/server.ts).
/* global window */
{
  const { classes, ubus } = window.LUCI;
  let values = null;
  let steps = [];
  let made = 0;

  const isSet = (value) => value !== null && value !== undefined && value !== '';
  const config = (name) => {
    if (name !== 'whp' || values === null) throw new Error(`uci: ${name} is not loaded`);
  };

  const uci = {
    async load(name) {
      if (values !== null) return;
      values = (await ubus('uci', 'get', { config: name })).values;
    },

    sections(name, type) {
      // LuCI answers nothing for a configuration that is not loaded.
      if (values === null) return [];
      config(name);
      return Object.values(values).filter((one) => type === undefined || one['.type'] === type);
    },

    get(_name, sid, option) {
      const section = values?.[sid];
      if (section === undefined) return null;
      return option === undefined ? section : (section[option] ?? null);
    },

    set(name, sid, option, value) {
      config(name);
      if (values[sid] === undefined) throw new Error(`uci: there is no section ${sid}`);
      if (!isSet(value)) return uci.unset(name, sid, option);
      values[sid][option] = value;
      steps.push(['set', { section: sid, values: { [option]: value } }]);
    },

    unset(name, sid, option) {
      config(name);
      delete values[sid]?.[option];
      steps.push(['delete', { section: sid, option }]);
    },

    add(name, type, sid) {
      config(name);
      made += 1;
      const named = sid ?? `new${made}`;
      values[named] = { '.name': named, '.type': type, '.anonymous': sid === undefined };
      steps.push(['add', { type, name: named, anonymous: sid === undefined }]);
      return named;
    },

    remove(name, sid) {
      config(name);
      delete values[sid];
      steps.push(['delete', { section: sid }]);
    },

    async save() {
      const mine = steps;
      steps = [];
      for (const [method, params] of mine) await ubus('uci', method, { config: 'whp', ...params });
    },

    changes: async () => (await ubus('uci', 'changes', {})).changes,
    apply: () => ubus('uci', 'apply', {}),

    unload() {
      values = null;
      steps = [];
    },
  };
  classes.uci = uci;
}
