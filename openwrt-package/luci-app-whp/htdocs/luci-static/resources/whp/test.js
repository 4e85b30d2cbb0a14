'use strict';
'require baseclass';
'require whp.agent as agent';
'require whp.page as page';

// `whp test`, line by line as it goes.

const LABELS = { ok: 'success', wrong: 'warning', note: 'notice' };
const WORDS = { ok: _('good'), wrong: _('wrong'), note: _('note') };

return baseclass.extend({
  /** Runs it and shows its lines in `node`; resolves when it has ended, to whether nothing is wrong. */
  run(node) {
    const look = (start) =>
      agent.test(start).then((answer) => {
        if (answer.error) return page.show(node, [page.failure(answer)]);
        page.show(node, [
          page.table(
            [
              { title: _('Looked at'), cell: ({ subject }) => subject },
              {
                title: '',
                label: _('Result'),
                cell: ({ state }) => [
                  E('span', { class: `label ${LABELS[state]}` }, [WORDS[state]]),
                ],
              },
              {
                title: _('Seen'),
                cell: ({ text, fix }) => [text, fix ? E('div', {}, page.fix({ fix })) : ''],
              },
            ],
            answer.rows,
            _('It begins …'),
          ),
          answer.running ? E('em', { class: 'spinning' }, [_('The test goes on …')]) : '',
        ]);
        if (!answer.running) return answer.rows.every(({ state }) => state !== 'wrong');
        return new Promise((resolve) => setTimeout(resolve, 1000)).then(() => look(false));
      });
    return look(true);
  },

  box() {
    const lines = E('div', { 'aria-live': 'polite' });
    return page.section(
      _('Test'),
      [
        E('p', {}, [page.button(_('Test the whole way'), () => this.run(lines), 'action', 'test')]),
        lines,
      ],
      _('Sends probes through each tunnel and looks at all that a call needs.'),
    );
  },
});
