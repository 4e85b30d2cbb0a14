'use strict';
'require view';
'require form';
'require whp.settings as settings';

return view.extend({
  load: () => settings.load(),

  render() {
    const map = new form.Map('whp', _('Advanced'), _('Few homes change more than the networks.'));
    const section = settings.single(map, 'globals', true);
    const add = (kind, name, title, description, more) =>
      settings.option(section, kind, name, title, description, more);
    settings.flag(section, 'enabled', _('Protect'), _('Without this, nothing is proxied.'), {
      default: '1',
    });
    add(
      form.DynamicList,
      'lan',
      _('Networks of the home'),
      _('Devices of the kernel that face the home. A list of your own replaces br-lan.'),
      { placeholder: 'br-lan' },
    );
    add(
      form.Value,
      'test_address',
      _('Who tells our address'),
      _('The test asks this resolver through each tunnel; without it nobody is asked.'),
      { placeholder: 'myip.opendns.com@208.67.222.222' },
    );
    settings.flag(
      section,
      'log_flows',
      _('Log connections'),
      _('A line in the system log for each that ends.'),
    );
    add(
      form.Value,
      'boot_hold',
      _('Hold at boot'),
      _('Seconds, at most, in which nothing leaves the home until the rules stand.'),
      { placeholder: '20' },
    );
    add(form.DynamicList, 'nat64', _('Prefixes of NAT64'), null, {
      placeholder: '2001:db8:64::/96',
    });
    add(
      form.Value,
      'mask',
      _('Bits of the mark'),
      _('Change this and the following only where “Needs attention” asks for it.'),
      { placeholder: '0x0f000000' },
    );
    add(form.Value, 'preference', _('Preference of rules'), null, { placeholder: '15000' });
    add(form.Value, 'table', _('Routing table'), null, { placeholder: '15000' });
    add(form.Value, 'queue', _('Number of NFQUEUE'), null, { placeholder: '5300' });
    add(form.Value, 'group', _('Group of NFLOG'), null, { placeholder: '5300' });
    const sync = settings.single(
      map,
      'sync',
      false,
      _('Policy from your server'),
      _('Reserved: not active in this version.'),
    );
    const reserve = (kind, name, title, more) =>
      settings.option(sync, kind, name, title, null, more);
    settings.flag(sync, 'enabled', _('On'));
    reserve(form.Value, 'url', _('Address'), { placeholder: 'http://10.213.0.2:8080/policy' });
    reserve(form.Value, 'key', _('Public key'));
    reserve(form.Value, 'interval', _('Seconds between two looks'), { placeholder: '3600' });
    return map.render();
  },
});
