'use strict';
'require view';
'require form';
'require uci';
'require whp.settings as settings';
'require whp.test as test';

return view.extend({
  load: () => settings.load(),

  render() {
    const map = new form.Map(
      'whp',
      _('Proxies'),
      _(
        'The servers that you rent, and the tunnel to each. The server’s installer prints these values under the same names.',
      ),
    );
    const section = settings.grid(
      map,
      'proxy',
      null,
      _('Which is taken first, each application says: drag its proxies into order there.'),
      { sortable: false },
    );
    const add = (kind, name, title, description, more) =>
      settings.option(section, kind, name, title, description, more);
    settings.flag(section, 'enabled', _('On'), null, {
      default: '1',
      editable: true,
      modalonly: null,
      speaks: true,
    });
    add(form.Value, 'address', _('Address of the server'), null, {
      placeholder: '203.0.113.20',
      modalonly: null,
    });
    add(form.Value, 'key', _('Key'), _('The same number on both sides.'), { placeholder: '5300' });
    add(
      form.Value,
      'local',
      _('Inner address here'),
      _('From a network that nothing else here uses.'),
      { placeholder: '10.213.0.1' },
    );
    add(form.Value, 'remote', _('Inner address of the server'), null, {
      placeholder: '10.213.0.2',
    });
    add(
      form.Value,
      'local6',
      _('Inner IPv6 address here'),
      _('Without it, IPv6 of the applications is refused.'),
      { placeholder: 'fd00:d5::1' },
    );
    add(form.Value, 'remote6', _('Inner IPv6 address of the server'), null, {
      placeholder: 'fd00:d5::2',
    });
    add(form.Value, 'mtu', _('Largest packet'), _('In bytes. Left out, the path decides.'), {
      placeholder: '1472',
    });
    return map.render().then((nodes) => E([], [nodes, test.box()]));
  },
});
