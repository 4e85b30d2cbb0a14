// Which case of the adversary is played on which device of a run: groups at the same time, a device's
// cases one after the other, the neighbour when all of them are over. Sessions are numbered from 200,
// which gives every case peers that nobody has met before. Pure.

export interface Group {
  /** Name in plan.ts. */
  readonly device: string;
  readonly first: number;
  readonly cases: readonly string[];
}

/** At the same time. What needs a device to itself (windows of 4 s and of 200 ms) is on one. */
const TOGETHER: readonly Group[] = [
  {
    device: 'windows',
    first: 200,
    cases: [
      'fast',
      'dns-over-tcp',
      'foreign-resolver',
      'mixed-case',
      'crowd',
      'directory',
      'truncated',
      'malformed',
      'cname',
      'https-hint',
      'sentinel',
      'mapping-3.9',
      'mapping-4.1',
      'mapping-like',
      'open-window',
      'common-port',
    ],
  },
  { device: 'ubuntu', first: 220, cases: ['common-port', 'half-closed'] },
  { device: 'macbook', first: 230, cases: ['two-families', 'long'] },
  { device: 'iphone', first: 235, cases: ['chain', 'cache'] },
  { device: 'xbox', first: 240, cases: ['elsewhere', 'unasked'] },
];
/** The device without the application: it must not follow what the others were taught. */
const AFTERWARDS: Group = { device: 'neighbour', first: 225, cases: ['neighbour'] };

export const GROUPS: readonly Group[] = [...TOGETHER, AFTERWARDS];
export const ADVERSARY_SESSIONS = GROUPS.reduce((sum, { cases }) => sum + cases.length, 0);

/** For play.sh: a line a group, "DEVICE FIRST CASE..."; "-" waits for those before it. */
export function attackLines(): string {
  const line = ({ device, first, cases }: Group): string => [device, first, ...cases].join(' ');
  return [...TOGETHER.map(line), '-', line(AFTERWARDS)].join('\n');
}
