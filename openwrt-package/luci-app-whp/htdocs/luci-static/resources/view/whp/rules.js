'use strict';
'require view';
'require form';
'require uci';
'require whp.settings as settings';

return view.extend({
  load: () => settings.load(),

  render() {
    const map = new form.Map(
      'whp',
      _('Rules'),
      _('Names, addresses and ports that you add to an application, or keep direct.'),
    );
    const section = settings.grid(map, 'rule', null, null, { anonymous: true });
    const add = (kind, name, title, description, more) =>
      settings.option(section, kind, name, title, description, { modalonly: null, ...more });
    settings.flag(section, 'enabled', _('On'), null, {
      default: '1',
      editable: true,
      modalonly: null,
      speaks: true,
    });
    const action = add(form.ListValue, 'action', _('What'), null, { optional: false });
    action.value('proxy', _('by the proxy'));
    action.value('direct', _('directly'));
    const app = add(
      form.ListValue,
      'app',
      _('Application'),
      _('A direct rule without one holds for all.'),
    );
    app.value('', _('all'));
    for (const one of uci.sections('whp', 'app')) app.value(one['.name'], one['.name']);
    add(form.DynamicList, 'name', _('Names'), _('Each with everything below it.'), {
      placeholder: 'calls.example.com',
    });
    add(form.DynamicList, 'address', _('Addresses'), null, { placeholder: '198.51.100.0/26' });
    add(form.DynamicList, 'port', _('Ports'), _('Of these addresses; without one, everywhere.'), {
      placeholder: '5000-5010',
    });
    const protocol = add(form.ListValue, 'protocol', _('Protocol'), null, {
      modalonly: true,
      default: 'both',
    });
    for (const [word, text] of [
      ['both', _('TCP and UDP')],
      ['tcp', 'TCP'],
      ['udp', 'UDP'],
    ])
      protocol.value(word, text);
    return map.render();
  },
});
