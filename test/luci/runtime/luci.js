// The interfaces of LuCI that the pages use (test/fixtures/luci-interfaces.ts), in as few lines as they need: classes, nodes,
// translation, rpc, poll, view, and the loader of modules. What is not here does not exist for the pages.
/* global document, window */

/** What a click does something to. */
const pressed = new Set();

/** As in LuCI, strings in an array of children are text, and a string in the place of children is HTML. */
const dom = {
  append(node, children) {
    if (Array.isArray(children)) {
      for (const child of children) {
        if (child instanceof Node) node.appendChild(child);
        else if (child !== null && child !== undefined)
          node.appendChild(document.createTextNode(`${child}`));
      }
    } else if (children instanceof Node) node.appendChild(children);
    else if (children !== null && children !== undefined) node.innerHTML = `${children}`;
  },

  content(node, children) {
    node.replaceChildren();
    dom.append(node, children);
  },

  bindClassInstance(node, instance) {
    node.instance = instance;
  },

  create(name, attributes, children) {
    if (Array.isArray(attributes)) return dom.create(name, null, attributes);
    const node = Array.isArray(name)
      ? document.createDocumentFragment()
      : document.createElement(name);
    for (const [key, value] of Object.entries(attributes ?? {})) {
      if (value === null || value === undefined) continue;
      if (typeof value === 'function') {
        node.addEventListener(key, value);
        if (key === 'click') pressed.add(node);
      } else node.setAttribute(key, typeof value === 'object' ? JSON.stringify(value) : value);
    }
    dom.append(node, children);
    return node;
  },
};

class Base {
  constructor(...words) {
    this.__init__?.(...words);
  }

  static extend(properties) {
    // biome-ignore lint/complexity/noThisInStatic: the class that is extended
    const made = class extends this {};
    Object.assign(made.prototype, properties);
    return made;
  }
}
const baseclass = { extend: (properties) => Base.extend(properties) };

/** The conversions of LuCI's String.format that are used: %d, %s, %1024.1mUNIT, %1000.1mUNIT. */
Object.defineProperty(String.prototype, 'format', {
  value(...values) {
    return this.replace(/%(?:(d|s)|(1000|1024)\.(\d)m)/g, (_all, kind, base, digits) => {
      const value = values.shift();
      if (kind === 's') return String(value);
      if (kind === 'd') return String(Math.trunc(Number(value)));
      const units = ['', 'K', 'M', 'G', 'T'];
      let at = 0;
      let rest = Number(value);
      for (; rest >= Number(base) && at < units.length - 1; at += 1) rest /= Number(base);
      return `${at === 0 ? rest : rest.toFixed(Number(digits))} ${units[at]}${at > 0 && base === '1024' ? 'i' : ''}`;
    });
  },
});

const L = {
  env: window.LUCI_ENV,
  url: (path) => `/luci/${path}`,
  resource: (path) => `/luci-static/resources/${path}`,
  resolveDefault: (value, preset) => Promise.resolve(value).catch(() => preset),
  hasViewPermission: () => !window.LUCI_ENV.readonly,
};

const poll = {
  add(fn, seconds) {
    if (!(seconds > 0) || typeof fn !== 'function') throw new TypeError('poll.add');
    let busy = false;
    const step = () => {
      if (busy) return;
      busy = true;
      void Promise.resolve(fn()).finally(() => {
        busy = false;
      });
    };
    window.setInterval(step, seconds * 1000);
    step();
  },
};

async function ubus(object, method, params) {
  const reply = await fetch('/ubus', {
    method: 'POST',
    body: JSON.stringify({ user: L.env.user, object, method, params }),
  });
  if (!reply.ok) throw new Error(`RPC call to ${object}/${method} failed with HTTP error`);
  const { status, result } = await reply.json();
  if (status !== 0)
    throw new Error(`RPC call to ${object}/${method} failed with ubus code ${status}`);
  return result;
}

const rpc = {
  declare:
    ({ object, method, params = [], expect, reject }) =>
    (...given) => {
      if (!reject || expect?.[''] === undefined) throw new Error('rpc.declare: not as in LuCI');
      const input = Object.fromEntries(params.map((name, at) => [name, given[at] ?? undefined]));
      return ubus(object, method, input);
    },
};

const view = {
  extend: (properties) =>
    Base.extend({
      load() {},
      async __init__() {
        const place = document.getElementById('view');
        const nodes = await this.render(await this.load());
        dom.content(place, nodes);
        if (this.handleSave !== null) dom.append(place, window.LUCI.footer());
        document.body.setAttribute('data-shown', 'true');
      },
      ...properties,
    }),
};

const classes = { baseclass, dom, poll, rpc, view };

/** Loads a module as LuCI does: the body of a function whose first words say what it requires. */
function load(name) {
  classes[name] ??= (async () => {
    const source = await (await fetch(L.resource(`${name.replaceAll('.', '/')}.js`))).text();
    const names = [];
    const needed = [];
    for (const [, words] of source.matchAll(/(?:^|[;\s])["']require ([^"']+)["'](?=;)/g)) {
      const [module, , as] = words.split(' ');
      names.push(as ?? module);
      needed.push(load(module));
    }
    const parts = await Promise.all(needed);
    const make = new Function('L', 'E', '_', 'N_', ...names, source);
    const made = make(L, dom.create, window._, window.N_, ...parts);
    return new made();
  })();
  return classes[name];
}

window._ = (text) => text;
window.N_ = (count, one, many) => (count === 1 ? one : many);
window.E = dom.create;
window.L = L;
const isShown = (node) => node.isConnected;
window.LUCI = { Base, classes, dom, ubus, load, pressed: () => [...pressed].filter(isShown) };
