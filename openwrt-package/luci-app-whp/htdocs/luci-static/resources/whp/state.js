'use strict';
'require baseclass';

// The state of the whole in one sentence, for the overview and the box on the status page.

const BY_CHOICE = ['paused', 'schedule'];

return baseclass.extend({
  /** `kind` is a class of LuCI's messages; `why` and `fix` are those of the first thing that is wrong. */
  of(status) {
    const { apps, problems, outside } = status;
    if (status.state === 'idle')
      return {
        kind: 'notice',
        title: _('Not set up'),
        text: _('No application is chosen yet: nothing is protected.'),
        setup: true,
      };
    const names = (list) => list.map(({ app }) => app).join(', ');
    const open = apps.filter(
      ({ new_connections: its }) => its.state === 'direct' && !BY_CHOICE.includes(its.cause),
    );
    const refused = apps.filter(({ new_connections: its }) => its.state === 'refused');
    const chosen = apps.filter(
      ({ new_connections: its }) => its.state === 'direct' && BY_CHOICE.includes(its.cause),
    );
    const first = ([{ new_connections: its }]) => ({ why: its.reason, fix: its.fix });
    if (open.length > 0)
      return {
        kind: 'error',
        title: _('Not protected'),
        text: _('The home’s address is seen by: %s.').format(names(open)),
        ...first(open),
      };
    if (refused.length > 0)
      return {
        kind: 'warning',
        title: _('Blocked'),
        text: _('No connection, and no leak, for: %s.').format(names(refused)),
        ...first(refused),
      };
    const on = apps.length - chosen.length;
    if (on === 0)
      return {
        kind: 'notice',
        title: _('Not protected, by your choice'),
        text: _('All applications go out directly now.'),
        ...first(chosen),
      };
    const text = N_(
      on,
      'One application leaves through your server.',
      '%d applications leave through your server.',
    ).format(on);
    const partly = apps.filter(({ new_connections: its }) => its.partly);
    if (problems.length > 0 || partly.length > 0) {
      const count = problems.length + partly.length;
      const more = N_(count, 'One thing needs attention.', '%d things need attention.').format(
        count,
      );
      return {
        kind: 'warning',
        title: _('Protected, with something to look at'),
        text: `${text} ${more}`,
        attention: true,
      };
    }
    if (!outside.stands)
      return {
        kind: 'warning',
        title: _('Protected, but not measured'),
        text: _('The count of what leaves outside is missing.'),
        attention: true,
      };
    return { kind: 'success', title: _('Protected'), text };
  },

  /** What happens to new connections of an application: a class of LuCI's labels, a word, and why. */
  path({ state, cause, reason, partly }) {
    if (state === 'proxied')
      return { label: 'success', text: _('Protected'), why: partly ? reason : null };
    if (cause === 'schedule') return { label: 'notice', text: _('Outside its hours'), why: null };
    if (cause === 'paused') return { label: 'notice', text: _('Paused'), why: reason };
    return {
      label: 'warning',
      text: state === 'refused' ? _('Blocked') : _('Not protected'),
      why: reason,
    };
  },
});
