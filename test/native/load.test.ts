// config/load in the host: parsed files are reused while the files are unchanged, and an unchanged result is
// the same object.
import * as os from 'qjs:os';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Configuration, loadConfiguration } from '../../agent/src/config/load.ts';
import { openSettings } from '../../agent/src/config/settings.ts';
import { removeFile, writeText } from '../../agent/src/os/file.ts';
import { runProgram } from '../../agent/src/os/process.ts';
import { profileJson } from '../fixtures/profile.ts';

const FOLDER = `/tmp/whp-load-${os.getpid()}`;
const SOURCES = { config: `${FOLDER}/whp`, profiles: `${FOLDER}/profiles`, state: FOLDER };
const profile = JSON.stringify(profileJson);
const list = (address: string, format = 1): string => {
  const service = { name: 'x', source: 'x', date: '2026-01-01', addresses: [address] };
  return JSON.stringify({ format, services: [service] });
};

function write(name: string, text: string | null): void {
  if (text === null) removeFile(`${FOLDER}/${name}`);
  else assert.is(writeText(`${FOLDER}/${name}`, text), 0);
}

function load(known: Configuration | null): Configuration {
  const read = loadConfiguration(SOURCES, known);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.value;
}

test.before(() => {
  for (const folder of ['', '/profiles', '/profiles.d']) os.mkdir(`${FOLDER}${folder}`, 0o755);
  write('whp', "config app 'skype'\n");
  write('profiles/skype.json', profile);
  write('doh.json', list('198.51.100.61'));
});

test('files that read as before are what they were; each that does not is seen', () => {
  const first = load(null);
  assert.is(load(first), first);
  const changes: [name: string, text: string, before: string | null][] = [
    ['whp', "config app 'other'\n", "config app 'skype'\n"],
    ['profiles/skype.json', profile.replace('"title":"', '"title":"x'), profile],
    ['profiles.d/mine.json', profile, null],
    ['doh.json', list('198.51.100.62'), list('198.51.100.61')],
  ];
  for (const [name, text, before] of changes) {
    write(name, text);
    const changed = load(first);
    assert.is.not(changed, first, name);
    assert.is(load(changed), changed, name);
    write(name, before);
    assert.is.not(load(changed), changed, name);
  }
  write('doh.json', list('198.51.100.62'));
  assert.equal(load(first).doh, ['198.51.100.62']);
  write('doh.json', null);
  assert.is(load(first).doh, null);
  write('doh.json', list('198.51.100.61'));
  assert.equal(load(first), first);
});

test('a file that went bad is named each time, and good again when it is', () => {
  const first = load(null);
  const bad: [name: string, text: string, good: string][] = [
    ['profiles/skype.json', profile.replace('"udp"', '"udq"'), profile],
    ['doh.json', list('198.51.100.61', 2), list('198.51.100.61')],
  ];
  for (const [name, text, good] of bad) {
    write(name, text);
    for (const _ of [1, 2]) {
      const read = loadConfiguration(SOURCES, first);
      assert.ok(!read.ok && read.problems[0]!.where.includes(name), name);
    }
    write(name, good);
    assert.is(load(first), first);
  }
});

test('only a missing list of DoH services and a missing folder of own profiles count as none', async () => {
  const large = ' '.repeat((4 << 20) + 1);
  const wrong = (): string => {
    const read = loadConfiguration(SOURCES);
    return read.ok ? '' : read.problems.map(({ where, what }) => `${where}: ${what}`).join();
  };
  write('doh.json', large);
  assert.match(wrong(), /doh\.json: cannot be read: .+ \(errno \d+\); install the package again$/);
  removeFile(`${FOLDER}/doh.json`);
  await runProgram(['ln', '-s', 'doh.json', `${FOLDER}/doh.json`]);
  // ELOOP in the words of this C library.
  assert.match(wrong(), /doh\.json: cannot be read: .+ \(errno \d+\);/);
  removeFile(`${FOLDER}/doh.json`);
  assert.is(wrong(), '');
  write('doh.json', list('198.51.100.61'));
  os.remove(`${FOLDER}/profiles.d`);
  assert.is(wrong(), '');
  write('profiles.d', 'no folder');
  assert.match(wrong(), /profiles\.d: cannot be read: Not a directory \(errno \d+\)$/);
  removeFile(`${FOLDER}/profiles.d`);
  os.mkdir(`${FOLDER}/profiles.d`, 0o755);
});

test('the last good configuration has its own profiles, and stands without a list that is bad', () => {
  const mine = profile.replace('"title":"', '"title":"Mine ');
  const text = "config globals 'globals'\n\toption hold '0'\n";
  write('last-good.json', JSON.stringify({ text, profiles: [mine] }));
  write('whp', 'no configuration');
  // A profile that has come into the folder since is not of it.
  write('profiles.d/mine.json', 'broken');
  for (const bad of [list('198.51.100.61'), '{']) {
    write('doh.json', bad);
    const opened = openSettings(SOURCES, null);
    if (!opened.ok) throw new Error(JSON.stringify(opened.problems));
    const { settings, problems } = opened.value;
    assert.ok(problems.length > 0);
    const { profiles, doh } = settings.configuration;
    assert.match(profiles.get('skype')!.profile.title, /^Mine /);
    assert.equal(doh, bad === '{' ? null : ['198.51.100.61']);
  }
  for (const name of ['last-good.json', 'profiles.d/mine.json']) removeFile(`${FOLDER}/${name}`);
});

test.after(() => {
  for (const name of ['whp', 'profiles/skype.json', 'doh.json']) removeFile(`${FOLDER}/${name}`);
  for (const folder of ['/profiles', '/profiles.d', '']) os.remove(`${FOLDER}${folder}`);
});

test.run();
