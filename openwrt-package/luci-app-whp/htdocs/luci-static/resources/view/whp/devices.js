'use strict';
'require view';
'require form';
'require whp.settings as settings';

return view.extend({
  load: () => settings.load(),

  render() {
    const map = new form.Map(
      'whp',
      _('Devices and groups'),
      _('Your names for devices. By hardware address (MAC) is the surest way.'),
    );
    const devices = settings.grid(map, 'device', _('Devices'), null, { sortable: false });
    const list = (section, name, title, description, more) =>
      settings.option(section, form.DynamicList, name, title, description, {
        modalonly: null,
        ...more,
      });
    settings.offerDevices(list(devices, 'mac', _('MAC'), null, { speaks: true }), []);
    list(devices, 'address', _('Address'), null, { placeholder: '192.168.1.50' });
    list(devices, 'name', _('Name in DHCP'), _('Any device may claim any name.'), {
      placeholder: 'living-room-tv',
    });
    const groups = settings.grid(map, 'group', _('Groups'), null, { sortable: false });
    settings.offerDevices(list(groups, 'device', _('Devices'), null, { speaks: true }), ['device']);
    return map.render();
  },
});
