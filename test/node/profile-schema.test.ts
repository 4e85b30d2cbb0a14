// The published profile schema against ajv: the schema is valid, ajv and our interpreter agree on good, bad and
// thousands of mutated profiles, and every shipped profile is valid and matches its names.
import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildPolicy } from '../../agent/src/policy/build.ts';
import { compileNames, matchName } from '../../agent/src/profile/name-match.ts';
import { parseProfile } from '../../agent/src/profile/parse.ts';
import type { Profile } from '../../agent/src/profile/profile.ts';
import { checkSchema, type Schema } from '../../agent/src/syntax/json-schema.ts';
import { parseUci } from '../../agent/src/syntax/uci.ts';
import { wireName } from '../fixtures/dns.ts';
import { profileJson } from '../fixtures/profile.ts';
import { seeded } from '../fixtures/seeded.ts';

const FOLDER = 'agent/profiles';
const schema = JSON.parse(readFileSync(`${FOLDER}/profile.schema.json`, 'utf8')) as Schema;
// strict: an unknown keyword in the schema is an error.
const ajv = new Ajv2020({ strict: true, strictTypes: false, strictTuples: false });
const validate = ajv.compile(schema);
const shipped = readdirSync(FOLDER).filter((name) => name !== 'profile.schema.json');

function profileOf(file: string): Profile {
  const result = parseProfile(readFileSync(`${FOLDER}/${file}`, 'utf8'), file);
  if (!result.ok)
    throw new Error(result.problems.map((one) => `${one.where}: ${one.what}`).join('\n'));
  return result.value;
}

test('the schema is valid, has an id, and describes every property', () => {
  assert.ok(ajv.validateSchema(schema));
  assert.match(schema.$id ?? '', /^urn:whp:schema:profile:1$/);
  const visit = (part: Schema, at: string) => {
    for (const [name, member] of Object.entries(part.properties ?? {})) {
      const described = member.description ?? member.$ref;
      assert.ok(described, `${at}/${name} has a description`);
      visit(member, `${at}/${name}`);
    }
    if (part.items) visit(part.items, `${at}/items`);
  };
  visit(schema, '');
  for (const [name, part] of Object.entries(schema.$defs ?? {})) {
    assert.ok(part.description, name);
    visit(part, `/$defs/${name}`);
  }
});

test('the interpreter knows every keyword that the schema uses', () => {
  const known =
    '$schema $id $ref $defs title description type const enum required properties ' +
    'additionalProperties items minItems maxItems uniqueItems minimum maximum minLength maxLength ' +
    'pattern oneOf';
  const visit = (part: Schema) => {
    for (const name of Object.keys(part)) assert.ok(known.split(' ').includes(name), name);
    // Beside a $ref only a description is read.
    if (part.$ref)
      assert.equal(
        Object.keys(part).filter((name) => name !== 'description'),
        ['$ref'],
      );
    for (const one of Object.values(part.properties ?? {})) visit(one);
    for (const one of Object.values(part.$defs ?? {})) visit(one);
    for (const one of part.oneOf ?? []) visit(one);
    if (part.items) visit(part.items);
  };
  visit(schema);
});

/** The paths of all places in a value, the root first. */
function places(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([name, member]) => places(member, [...path, name])),
  ];
}

const SPARE: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  65536,
  1e9,
  '',
  'x',
  'tcp',
  'nat-pmp',
  'ip-length',
  'capture',
  '2026-01-01',
  '2026-1-1',
  'a'.repeat(61),
  '\u{1f600}'.repeat(60),
  [],
  [1, 2],
  [2, 1, 0],
  [[1, 2]],
  {},
  { value: 'a.b' },
];

function mutateValue(value: unknown, random: (below: number) => number): unknown {
  const copy = JSON.parse(JSON.stringify(value)) as unknown;
  const paths = places(copy).slice(1);
  const path = paths[random(paths.length)]!;
  const last = path.at(-1)!;
  let parent = copy as Record<string, unknown>;
  for (const part of path.slice(0, -1)) parent = parent[part] as Record<string, unknown>;
  const kind = random(7);
  if (kind === 0 && Array.isArray(parent)) parent.push(parent[Number(last)]);
  else if (kind === 0) delete parent[last];
  else if (kind === 1 && !Array.isArray(parent)) parent[`${last}x`] = parent[last];
  else if (kind > 4 && typeof parent[last] === 'number') parent[last] += random(3) - 1;
  else parent[last] = SPARE[random(SPARE.length)];
  return copy;
}

test('ajv and the interpreter agree on 8,000 mutated profiles', () => {
  const random = seeded(11);
  let good = 0;
  for (let i = 0; i < 8000; i++) {
    let value: unknown = profileJson;
    for (let n = 1 + (random(4) >> 1); n > 0; n--) value = mutateValue(value, random);
    const expected = validate(value);
    const found = checkSchema(schema, value, 'x');
    if (expected) good += 1;
    assert.is(found.length === 0, expected, JSON.stringify([value, found, validate.errors]));
  }
  // Both verdicts must occur.
  assert.ok(good > 400 && good < 7600, `${good} were good`);
});

test('every profile that ships is good by both, and named as its file', () => {
  assert.ok(shipped.length > 0);
  for (const file of shipped) {
    assert.ok(validate(JSON.parse(readFileSync(`${FOLDER}/${file}`, 'utf8'))), file);
    assert.is(`${profileOf(file).name}.json`, file);
  }
});

test('the names of skype.json match the application and not its neighbours', () => {
  const matcher = compileNames([{ name: 'skype', profile: profileOf('skype.json') }]);
  const entry = (name: string) => matchName(matcher, wireName(name), 0)[0]?.entry ?? null;
  const ours =
    'ui.skype.com a.config.skype.com dsn0.d.skype.net dsn17.d.skype.net dsn4.d.skype.net ' +
    '335.0.7.7.3.rst13.r.skype.net pipe.prd.skypedata.akadns.net dsn13.skype-dsn.akadns.net ' +
    'conn.skype.akadns.net db3msgr5011709.gateway.messenger.live.com a.config.skype.trafficmanager.net ' +
    'skypeecs-prod-edge-b.trafficmanager.net apps.skypeassets.com apps.skypeassets.com.edgekey.net ' +
    'LOGIN.SKYPE.COM';
  for (const name of ours.split(' ')) assert.ok(entry(name), name);
  const others =
    'notskype.com skype.com.evil.example e7768.b.akamaiedge.net e4593.g.akamaiedge.net ' +
    'edge.skype.com config.edge.skype.com go.trouter.skype.com eu-api.asm.skype.com ' +
    'skypedataprdcolneu04.cloudapp.net zuul-test.cloudapp.net ' +
    'config-edge-skype.l-0007.l-msedge.net edge-skype-com.s-0001.s-msedge.net akadns.net ' +
    'skypeecs-evil.trafficmanager.net skypeecs-x.cloudapp.net x.config.skype.trafficmanager.net ' +
    'other.trafficmanager.net outlook.live.com messenger.live.com microsoft.com';
  for (const name of others.split(' ')) assert.is(entry(name), null, name);
});

test('the default configuration is good and proxies nothing', () => {
  const uci = parseUci(readFileSync('agent/uci/whp', 'utf8'), 'agent/uci/whp');
  assert.ok(uci.ok);
  const profiles = new Map(shipped.map((file) => [profileOf(file).name, profileOf(file)]));
  const policy = buildPolicy({ uci: uci.value, profiles });
  assert.ok(policy.ok, JSON.stringify(policy));
  assert.equal(policy.ok && [policy.value.proxies, policy.value.apps], [[], []]);
});

test.run();
