// config/load in the host: parsed files are reused while the files are unchanged, and an unchanged result is
// the same object.
import * as os from 'qjs:os';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Configuration, loadConfiguration } from '../../agent/src/config/load.ts';
import { removeFile, writeText } from '../../agent/src/os/file.ts';
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

test.after(() => {
  for (const name of ['whp', 'profiles/skype.json', 'doh.json']) removeFile(`${FOLDER}/${name}`);
  for (const folder of ['/profiles', '/profiles.d', '']) os.remove(`${FOLDER}${folder}`);
});

test.run();
