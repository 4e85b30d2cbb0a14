// LuCI's module ui: dialogs, messages, buttons that wait, and the base of the widgets.
/* global document, window */
{
  const { Base, classes, dom } = window.LUCI;
  const E = dom.create;
  const dialog = document.getElementById('modal');

  // As in LuCI, Escape presses the first button.
  dialog.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') dialog.querySelector('.right > button, .button-row > .btn')?.click();
  });

  const ui = {
    AbstractElement: {
      extend: (properties) => Base.extend({ setChangeEvents() {}, ...properties }),
    },

    createHandlerFn(context, fn, ...words) {
      const run = typeof fn === 'string' ? context[fn] : fn;
      return (event) => {
        const button = event.currentTarget;
        button.disabled = true;
        button.blur();
        void Promise.resolve(run.call(context, ...words, event)).finally(() => {
          button.disabled = false;
        });
      };
    },

    showModal(title, children) {
      // LuCI makes HTML of the title; its heading is an h4.
      dom.content(dialog, [E('h2', {}, title)]);
      dom.append(dialog, children);
      dialog.hidden = false;
      dialog.setAttribute('aria-label', title);
      dialog.focus();
      return dialog;
    },

    hideModal() {
      dialog.hidden = true;
      dialog.replaceChildren();
    },

    addNotification(title, children, ...kinds) {
      const box = E('div', { class: `alert-message ${kinds.join(' ')}`, role: 'status' });
      if (title !== null) dom.append(box, [E('h4', {}, title)]);
      dom.append(box, children);
      document.getElementById('messages').prepend(box);
      return box;
    },

    changes: {
      async init() {
        const { length } = Object.keys(await classes.uci.changes());
        document.body.setAttribute('data-changes', String(length));
      },

      displayChanges() {
        ui.showModal('Configuration / Changes', []);
      },
    },
  };
  classes.ui = ui;

  /** The buttons below a page with forms. */
  window.LUCI.footer = () => {
    const forms = () =>
      Array.from(document.querySelectorAll('.cbi-map'), ({ instance }) => instance);
    const button = (label, run) => E('button', { class: 'btn', click: run }, [label]);
    const save = () => Promise.all(forms().map((one) => one.save()));
    return E('div', { class: 'cbi-page-actions' }, [
      button('Save & Apply', () =>
        save().then(
          () => classes.uci.apply(),
          () => {},
        ),
      ),
      button('Save', () => save().catch(() => {})),
      button('Reset', () => Promise.all(forms().map((one) => one.reset()))),
    ]);
  };
}
