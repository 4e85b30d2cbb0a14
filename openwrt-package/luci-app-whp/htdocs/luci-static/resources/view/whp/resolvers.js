'use strict';
'require view';
'require form';
'require whp.settings as settings';

return view.extend({
  load: () => settings.load(),

  render() {
    const map = new form.Map(
      'whp',
      _('Resolvers'),
      _(
        'An application is recognised by the names that devices look up. Here is what is done when they ask others than this router.',
      ),
    );
    const section = settings.single(map, 'globals', true);
    const add = (kind, name, title, description, more) =>
      settings.option(section, kind, name, title, description, more);
    settings.flag(
      section,
      'hold',
      _('Hold answers'),
      _(
        'An answer waits until the router knows its addresses, so that not even the first packet goes out directly.',
      ),
      { default: '1' },
    );
    settings.flag(
      section,
      'dnsmasq',
      _('Let dnsmasq fill in'),
      _(
        'Where answers cannot be held, dnsmasq-full writes their addresses down before it answers.',
      ),
      { default: '1' },
    );
    settings.flag(
      section,
      'dns_redirect',
      _('Answer for other resolvers'),
      _('Plain DNS to resolvers outside is answered by this router.'),
    );
    settings.flag(
      section,
      'dns_reject_dot',
      _('Refuse encrypted DNS'),
      _('DNS over TLS and QUIC, port 853.'),
    );
    settings.flag(
      section,
      'dns_reject_doh',
      _('Refuse DNS in web traffic'),
      _('Known services of DNS over HTTPS.'),
    );
    settings.offerDevices(
      add(
        form.DynamicList,
        'dns_device',
        _('Only for these devices'),
        _('Of the last three. Without any, for all.'),
      ),
      ['device', 'group'],
    );
    const hello = add(
      form.ListValue,
      'hello',
      _('Names in greetings'),
      _(
        'The server’s name in the first packet of an encrypted connection that nothing else explains.',
      ),
      { default: 'off' },
    );
    for (const [word, text] of [
      ['off', _('do not read')],
      ['watch', _('read as it passes')],
      ['hold', _('hold until it is read')],
    ])
      hello.value(word, text);
    return map.render();
  },
});
