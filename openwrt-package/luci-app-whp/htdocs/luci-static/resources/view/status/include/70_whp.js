'use strict';
'require baseclass';
'require whp.agent as agent';
'require whp.page as page';
'require whp.state as state';

// The box on LuCI's status page.

return baseclass.extend({
  title: _('Whole Home Proxy'),

  load: () => agent.status(),

  render(status) {
    if (status.unreachable) return null;
    if (status.error) return page.failure(status);
    const { kind, title, text, why } = state.of(status);
    return E('div', { class: `alert-message ${kind}` }, [
      E('strong', {}, [title]),
      ' ',
      text,
      why ? ` (${why})` : '',
      ' ',
      E('a', { href: L.url('admin/services/whp') }, [_('Details')]),
    ]);
  },
});
