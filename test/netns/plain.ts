// A home with one proxy and one app, for tests that ask for nothing in particular.

export const PLAIN = `config globals 'globals'
	option hold '0'
config proxy 'cloud'
	option address '203.0.113.20'
	option local '10.213.0.1'
	option remote '10.213.0.2'
config app 'skype'
	list proxy 'cloud'
`;
