// The JSON lines of the world's programs, typed. Lines that are cut off or unknown are counted, not
// guessed at.

export interface StepRecord {
  readonly name: string;
  readonly ok: boolean;
  /** Milliseconds. */
  readonly ms: number;
  readonly why?: string;
}

export interface SessionRecord {
  readonly session: string;
  readonly device: string;
  readonly number: number;
  readonly kind: string;
  /** P2P port, 0 where the case has several. */
  readonly port: number;
  /** Milliseconds since 1970, the world's clock. */
  readonly start: number;
  readonly end: number | undefined;
  readonly steps: readonly StepRecord[];
}

export interface FlowRecord {
  /** Milliseconds since 1970, before the first packet. */
  readonly t: number;
  readonly device: string;
  readonly session: string;
  readonly step: string;
  readonly proto: 'udp' | 'tcp';
  readonly port: number;
  readonly remote: string;
  readonly remotePort: number;
  readonly tag: string;
}

/** Who a server of the Internet saw. `directory`: what the directory then tells others. */
export interface ViewRecord {
  readonly role: string;
  readonly device: number;
  readonly session: number;
  readonly from: string;
}

/** A SYN sent in the instant of a DNS answer. */
export interface PounceRecord {
  readonly device: string;
  readonly session: string;
  readonly queryPort: number;
  readonly remote: string;
  readonly port: number;
}

export interface Records {
  readonly sessions: readonly SessionRecord[];
  readonly flows: readonly FlowRecord[];
  readonly views: readonly ViewRecord[];
  readonly pounces: readonly PounceRecord[];
  /** Lines that could not be read. */
  readonly unreadable: number;
}

type Line = Readonly<Record<string, unknown>>;

function parse(line: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Line) : undefined;
  } catch {
    return undefined;
  }
}

interface Draft {
  sessions: Map<string, SessionRecord>;
  flows: FlowRecord[];
  views: ViewRecord[];
  pounces: PounceRecord[];
}

function take(draft: Draft, device: string, line: Line): void {
  const { event } = line;
  if (event === 'begin' || event === 'end') {
    const record = line as unknown as SessionRecord & { t: number };
    const key = `${record.device}/${record.session}`;
    const ended = event === 'end';
    draft.sessions.set(key, {
      ...record,
      start: ended ? record.start : record.t,
      end: ended ? record.t : undefined,
      steps: record.steps ?? [],
    });
  }
  if (event === 'flow') draft.flows.push({ ...(line as unknown as FlowRecord), device });
  if (event === 'seen') draft.views.push(line as unknown as ViewRecord);
  if (event === 'directory') {
    draft.views.push({ ...(line as unknown as ViewRecord), role: 'directory' });
  }
  if (event === 'pounce') draft.pounces.push({ ...(line as unknown as PounceRecord), device });
}

/** Reads the logs; `files` is file name -> text. A device's name is in its file's name. */
export function readRecords(files: ReadonlyMap<string, string>): Records {
  const draft: Draft = { sessions: new Map(), flows: [], views: [], pounces: [] };
  let unreadable = 0;
  for (const [name, text] of files) {
    const device = /^(?:device|noise|adversary)-(\w+)\.jsonl$/.exec(name)?.[1] ?? '';
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const value = parse(line);
      if (value) take(draft, device, value);
      else unreadable += 1;
    }
  }
  const sessions = [...draft.sessions.values()].sort((a, b) => a.start - b.start);
  return { sessions, flows: draft.flows, views: draft.views, pounces: draft.pounces, unreadable };
}
