// The verdict: both captures and the world's logs in, the content of result.json out. An application
// packet on the ISP wire outside GRE is a leak; an unrelated one inside it is a wrong turn; a step
// that failed is a failed session. Pure.
import { EVERY_DEVICE } from '../world/plan.ts';
import { attributionOn, clockOffset, lanFlowOf, median, sessionAt } from './attribution.ts';
import { framesOf } from './frames.ts';
import { type LanFlow, type LanView, sightOf, surveyLan } from './lan.ts';
import { natureOf, outward } from './nature.ts';
import type { PounceRecord, Records, SessionRecord } from './records.ts';
import type { FlowOutcome, Leak, Result, SessionResult, Totals } from './result.ts';
import type { Sighting } from './sighting.ts';
import { addView, emptyViews, homeSightings, onlyProxy } from './views.ts';

export interface Evidence {
  readonly isp: Uint8Array;
  readonly lan: Uint8Array;
  readonly records: Records;
  /** Address -> device name. */
  readonly devices: ReadonlyMap<string, string>;
  readonly seed: number;
  readonly router: string;
  /** Sessions that were to be played, the adversary's included: a missing one fails the run. */
  readonly expectedSessions: number;
  /** What `whp status --json` says, kept as it is. */
  readonly agent?: unknown;
}

/** Leaks listed one by one in the result, per session; all are counted. */
const LISTED = 20;

type Draft = { -readonly [K in keyof SessionResult]: SessionResult[K] } & { leaks: Leak[] };

function draftOf(record: SessionRecord): Draft {
  const missed = record.steps.filter((step) => !step.ok);
  return {
    session: record.session,
    device: record.device,
    kind: record.kind,
    port: record.port,
    start: record.start / 1000,
    end: record.end === undefined ? null : record.end / 1000,
    steps: record.steps,
    missedSteps: missed.map((step) => `${step.name}: ${step.why ?? 'failed'}`),
    applicationSeen: { lan: 0, tunnel: 0 },
    leaked: 0,
    leaks: [],
    unrelatedDirect: 0,
    unrelatedProxied: 0,
    unrelatedInWindow: 0,
    heldBack: 0,
    views: emptyViews(),
    ok: false,
  };
}

interface Court {
  readonly drafts: Map<SessionRecord, Draft>;
  /** What no session could be found for. */
  readonly elsewhere: Draft;
  readonly paths: Map<LanFlow, { tunnel: number; direct: number }>;
}

function leakOf(sighting: Sighting, flow: LanFlow | undefined): Leak {
  const { protocol, source, sourcePort, destination, destinationPort } = sighting;
  return {
    time: sighting.time,
    direction: outward(sighting) ? 'out' : 'in',
    protocol,
    flow: `${source}:${sourcePort} > ${destination}:${destinationPort}`,
    length: sighting.length,
    device: flow?.device ?? null,
  };
}

/** CounterValues one packet of the ISP wire. */
function count(court: Court, draft: Draft, sighting: Sighting, flow: LanFlow | undefined): void {
  const nature = natureOf(sighting);
  if (nature === 'neutral') return;
  if (flow) {
    const path = court.paths.get(flow) ?? { tunnel: 0, direct: 0 };
    path[sighting.tunnelled ? 'tunnel' : 'direct'] += 1;
    court.paths.set(flow, path);
  }
  if (nature === 'application' && sighting.tunnelled) {
    draft.applicationSeen = { ...draft.applicationSeen, tunnel: draft.applicationSeen.tunnel + 1 };
  } else if (nature === 'application') {
    draft.leaked += 1;
    if (draft.leaks.length < LISTED) draft.leaks.push(leakOf(sighting, flow));
  } else if (!sighting.tunnelled) draft.unrelatedDirect += 1;
  else if (flow?.inWindow) draft.unrelatedInWindow += 1;
  else draft.unrelatedProxied += 1;
}

/** ISP capture's clock minus the LAN capture's, by the sequence numbers of SYNs. */
function wireOffset(isp: Uint8Array, lan: LanView): number {
  const firsts = new Map(lan.flows.map((flow) => [flow.sequence, flow.first]));
  firsts.delete(0);
  const differences: number[] = [];
  for (const frame of framesOf(isp)) {
    const sighting = sightOf(frame);
    if (!sighting || (sighting.tcpFlags & 0x12) !== 2) continue;
    const first = firsts.get(sighting.tcpSequence);
    if (first !== undefined) differences.push(sighting.time - first);
  }
  return median(differences);
}

function countIsp(court: Court, evidence: Evidence, lan: LanView, worldOffset: number): number {
  const attribution = attributionOn(lan);
  const shift = wireOffset(evidence.isp, lan);
  let packets = 0;
  for (const frame of framesOf(evidence.isp)) {
    const raw = sightOf(frame);
    if (!raw) continue;
    packets += 1;
    if (natureOf(raw) === 'neutral') continue;
    const sighting = { ...raw, time: raw.time - shift };
    const flow = attribution.flowOf(sighting);
    const session =
      flow && sessionAt(evidence.records.sessions, flow.device, flow.first - worldOffset);
    const draft = (session && court.drafts.get(session)) ?? court.elsewhere;
    count(court, draft, sighting, flow);
  }
  return packets;
}

function countViews(court: Court, records: Records): void {
  const bySession = new Map<string, Draft>();
  for (const [record, draft] of court.drafts) {
    bySession.set(`${record.device}/${record.number}`, draft);
  }
  for (const view of records.views) {
    const name = EVERY_DEVICE[view.device]?.name;
    addView((bySession.get(`${name}/${view.session}`) ?? court.elsewhere).views, view);
  }
}

function countLan(court: Court, lan: LanView, sessions: readonly SessionRecord[], offset: number) {
  for (const flow of lan.flows) {
    if (flow.nature !== 'application') continue;
    const session = sessionAt(sessions, flow.device, flow.first - offset);
    const draft = (session && court.drafts.get(session)) ?? court.elsewhere;
    const { lan: seen, tunnel } = draft.applicationSeen;
    draft.applicationSeen = { lan: seen + flow.sent + flow.received, tunnel };
    if (!court.paths.has(flow)) draft.heldBack += 1;
  }
}

function close(draft: Draft): SessionResult {
  const plays = draft.kind !== 'adversary';
  const ok =
    draft.end !== null &&
    draft.steps.length > 0 &&
    draft.missedSteps.length === 0 &&
    draft.leaked === 0 &&
    draft.unrelatedProxied === 0 &&
    onlyProxy(draft.views) &&
    // A session without packets in the capture proves nothing.
    (!plays || (draft.applicationSeen.tunnel > 0 && draft.applicationSeen.lan > 0));
  return { ...draft, ok };
}

function flowOutcomes(
  court: Court,
  evidence: Evidence,
  lan: LanView,
  offset: number,
): FlowOutcome[] {
  const steps = new Map<LanFlow, string>();
  for (const record of evidence.records.flows) {
    const flow = lanFlowOf(lan, record, offset);
    if (flow && !steps.has(flow)) steps.set(flow, record.step);
  }
  const { sessions } = evidence.records;
  const told = lan.flows.filter((flow) => flow.nature !== 'neutral');
  return told.map((flow) => {
    const { tunnel = 0, direct = 0 } = court.paths.get(flow) ?? {};
    return {
      time: flow.first - offset,
      device: flow.device,
      session: sessionAt(sessions, flow.device, flow.first - offset)?.session ?? null,
      step: steps.get(flow) ?? null,
      protocol: flow.protocol,
      port: flow.port,
      remote: flow.remote,
      remotePort: flow.remotePort,
      nature: flow.nature,
      inWindow: flow.inWindow,
      sent: flow.sent,
      received: flow.received,
      tunnel,
      direct,
    };
  });
}

/** Microseconds from a DNS answer to the SYN that followed it, both on the LAN wire. */
function gaps(pounces: readonly PounceRecord[], lan: LanView): number[] {
  const found: number[] = [];
  for (const pounce of pounces) {
    const answer = lan.answers.get(`${pounce.device} ${pounce.queryPort}`);
    const flow = lan.flows.find(
      (one) =>
        one.device === pounce.device && one.port === pounce.port && one.remote === pounce.remote,
    );
    if (answer !== undefined && flow) found.push(Math.round((flow.first - answer) * 1e6));
  }
  return found.sort((a, b) => a - b);
}

function sum(results: readonly SessionResult[], of: (result: SessionResult) => number): number {
  return results.reduce((total, result) => total + of(result), 0);
}

function totalsOf(
  results: readonly SessionResult[],
  elsewhere: SessionResult,
  evidence: Evidence,
  packets: { lan: number; isp: number },
): Totals {
  const every = [...results, elsewhere];
  const homeSeen = sum(every, ({ views }) => homeSightings(views));
  const totals = {
    sessions: results.length,
    expectedSessions: evidence.expectedSessions,
    sessionsOk: results.filter((result) => result.ok).length,
    applicationLan: sum(every, (result) => result.applicationSeen.lan),
    applicationTunnel: sum(every, (result) => result.applicationSeen.tunnel),
    leaked: sum(every, (result) => result.leaked),
    unrelatedDirect: sum(every, (result) => result.unrelatedDirect),
    unrelatedProxied: sum(every, (result) => result.unrelatedProxied),
    unrelatedInWindow: sum(every, (result) => result.unrelatedInWindow),
    heldBack: sum(every, (result) => result.heldBack),
    missedSteps: sum(every, (result) => result.missedSteps.length),
    homeSeen,
    packetsLan: packets.lan,
    packetsIsp: packets.isp,
    unreadableLines: evidence.records.unreadable,
  };
  const ok =
    totals.sessions === totals.expectedSessions &&
    totals.sessions > 0 &&
    totals.sessionsOk === totals.sessions &&
    totals.leaked === 0 &&
    totals.unrelatedProxied === 0 &&
    totals.homeSeen === 0 &&
    totals.unreadableLines === 0;
  return { ...totals, ok };
}

/** Judges a run. Throws only when a capture cannot be read to its end. */
export function judge(evidence: Evidence): { result: Result; flows: FlowOutcome[] } {
  const { records } = evidence;
  const lan = surveyLan(evidence.lan, evidence.devices);
  const offset = clockOffset(lan, records.flows);
  const nowhere = { session: '', device: '', number: -1, kind: 'adversary', port: 0 };
  const court: Court = {
    drafts: new Map(records.sessions.map((record) => [record, draftOf(record)])),
    elsewhere: draftOf({ ...nowhere, start: 0, end: 0, steps: [] }),
    paths: new Map(),
  };
  const isp = countIsp(court, evidence, lan, offset);
  countLan(court, lan, records.sessions, offset);
  countViews(court, records);
  const sessions = [...court.drafts.values()].map(close);
  const elsewhere = close(court.elsewhere);
  const totals = totalsOf(sessions, elsewhere, evidence, { lan: lan.packets, isp });
  const starts = sessions.map((session) => session.start);
  const ends = sessions.map((session) => session.end ?? session.start);
  const result: Result = {
    seed: evidence.seed,
    router: evidence.router,
    devices: EVERY_DEVICE.map((device) => device.name),
    sessions,
    elsewhere,
    totals,
    timings: {
      seconds: starts.length > 0 ? Math.max(...ends) - Math.min(...starts) : 0,
      sessionSeconds: median(sessions.map((one) => (one.end ?? one.start) - one.start)),
      pounceMicroseconds: gaps(records.pounces, lan),
      captureOffsetSeconds: offset,
    },
    agent: evidence.agent ?? null,
  };
  return { result, flows: flowOutcomes(court, evidence, lan, offset) };
}
