'use strict';
'require view';
'require form';
'require uci';
'require whp.settings as settings';
'require whp.week as week';

return view.extend({
  load: () => settings.load(),

  render() {
    const map = new form.Map(
      'whp',
      _('Applications'),
      _(
        'What leaves through your proxies: an application that a profile describes, or one that your rules describe.',
      ),
    );
    const section = settings.grid(map, 'app');
    section.tab('general', _('General'));
    section.tab('devices', _('Devices'));
    section.tab('hours', _('Hours'));
    const add = (kind, name, title, description, more) =>
      settings.option(section, kind, name, title, description, more);
    settings.flag(section, 'enabled', _('On'), null, {
      default: '1',
      editable: true,
      modalonly: null,
      speaks: true,
    });
    const profile = add(
      form.ListValue,
      'profile',
      _('Profile'),
      _('Without one, the profile of its own name counts, or your rules alone.'),
      { modalonly: null },
    );
    profile.value('', _('as its name, or rules alone'));
    for (const { profile: name, title, retired } of settings.profiles)
      profile.value(name, retired ? _('%s (ended)').format(title) : title);
    const proxy = add(
      form.DynamicList,
      'proxy',
      _('Proxies'),
      _('The best first; drag to change the order.'),
      { modalonly: null },
    );
    for (const one of uci.sections('whp', 'proxy')) proxy.value(one['.name'], one['.name']);
    const fallback = add(
      form.ListValue,
      'fallback',
      _('Without a proxy'),
      _('What happens while no proxy answers.'),
      { modalonly: null, default: 'block' },
    );
    fallback.value('block', _('block it'));
    fallback.value('direct', _('let it out directly'));
    settings.offerDevices(
      add(
        form.DynamicList,
        'device',
        _('Only these devices'),
        _(
          'Without any, it holds for all devices. An address or a block such as 192.168.1.32/28 may be typed too.',
        ),
        { tab: 'devices' },
      ),
      ['device', 'group'],
    );
    add(
      week.Value,
      'schedule',
      _('Only at these hours'),
      _('Mark hours by a click. Outside of them, new connections go out directly.'),
      { tab: 'hours' },
    );
    return map.render();
  },
});
