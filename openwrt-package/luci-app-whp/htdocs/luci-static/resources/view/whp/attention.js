'use strict';
'require view';
'require whp.agent as agent';
'require whp.page as page';
'require whp.words as words';

// Everything that the agent knows to be wrong or worth knowing, each with what to do about it.

const HOW = {
  dns: _('plain DNS'),
  dot: _('encrypted DNS (DoT, DoQ)'),
  doh: _('DNS in web traffic (DoH)'),
};

return view.extend({
  handleSave: null,
  handleSaveApply: null,
  handleReset: null,

  load: () => agent.status(),

  render(status) {
    this.list = E('div', { 'aria-live': 'polite' });
    this.looked = E('div', {});
    agent.follow(
      10,
      () => agent.status(),
      (answer) => this.show(answer),
    );
    this.show(status);
    return E(
      [],
      [
        E('h2', {}, [_('Needs attention')]),
        this.list,
        page.section(_('This router, looked at now'), [
          E('p', {}, [
            page.button(
              _('Look at everything'),
              () => agent.check().then((answer) => this.explain(answer)),
              'neutral',
              'look',
            ),
          ]),
          this.looked,
        ]),
      ],
    );
  },

  show(status) {
    if (status.error) return page.show(this.list, [page.failure(status)]);
    const { problems, notes, silent, suspects, bypass } = status;
    const remarks = [...notes, ...silent, ...suspects.map((text) => ({ text }))];
    page.show(this.list, [
      page.section(_('Problems'), [page.problems(problems, _('Nothing is wrong.'))]),
      page.section(_('Worth knowing'), [page.problems(remarks, _('Nothing else is known.'))]),
      bypass.length === 0
        ? ''
        : page.section(
            _('Devices that ask other resolvers'),
            [
              page.table(
                [
                  { title: _('Device'), cell: (one) => words.device(one) },
                  {
                    title: _('How'),
                    cell: ({ how }) => how.map((one) => HOW[one] ?? one).join(', '),
                  },
                ],
                bypass,
                '',
              ),
              L.hasViewPermission()
                ? E(
                    'a',
                    {
                      class: 'btn cbi-button cbi-button-action',
                      href: L.url('admin/services/whp/settings/resolvers'),
                    },
                    [_('What can be done')],
                  )
                : '',
            ],
            _(
              'What these devices look up is not seen here, so their applications may be recognised late or not at all.',
            ),
          ),
    ]);
  },

  explain(answer) {
    if (answer.error) return page.show(this.looked, [page.failure(answer)]);
    const { verdict, problems, notes, looked } = answer;
    page.show(this.looked, [
      verdict ? E('p', {}, [E('strong', {}, [verdict])]) : '',
      page.problems([...problems, ...notes], _('Nothing is wrong.')),
      page.table(
        [
          { title: _('Looked at'), cell: ({ subject }) => subject },
          { title: _('Seen'), cell: ({ seen }) => seen },
        ],
        looked,
        '',
      ),
    ]);
  },
});
