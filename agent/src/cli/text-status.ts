// cli/text-status: `whp status` as text: the verdict, a table of the apps and of the proxies, and what an owner has to
// know or to mend. Counters that mean nothing to an owner are in --json alone. Pure.
import { bypassFix, bypassText } from '../answers/bypass.ts';
import type { MeterAnswer, OutsideAnswer } from '../answers/meter.ts';
import type { NowAnswer } from '../answers/now.ts';
import type { ProxyAnswer } from '../answers/proxies.ts';
import type { StatusAnswer } from '../answers/status.ts';
import type { Clock } from '../syntax/local-time.ts';
import { bytesText, counted, durationText } from '../syntax/words.ts';
import { commandLines, table, tied, wrapped } from './columns.ts';
import { verdictLines } from './verdict.ts';

export function statusText(status: StatusAnswer, clock: Clock): string {
  const { apps, proxies } = status;
  const alarms = alarmLines(status);
  const lines = [
    ...verdictLines(status, clock, alarms.length > 0),
    ...(apps.length > 0 ? ['', appsTable(apps)] : []),
    ...(proxies.length > 0 ? ['', proxiesTable(proxies)] : []),
    '',
    ...factLines(status).flatMap((one) => wrapped(one)),
    ...silentLines(status),
    ...alarms,
  ];
  return `${lines.join('\n')}\n`;
}

function appsTable(apps: StatusAnswer['apps']): string {
  const rows = apps.map(
    (app) =>
      [
        app.app,
        newText(app.new_connections),
        app.new_connections.proxy ?? '-',
        app.flows,
        learnedText(app),
      ] as const,
  );
  return table([['app', 'new connections', 'by', 'open', 'learned'], ...rows]);
}

function newText({ state, cause, partly }: NowAnswer): string {
  if (state === 'proxied') return partly ? 'proxied in part' : 'proxied';
  const isChosen = cause === 'paused' || cause === 'schedule';
  return `${state.toUpperCase()}${isChosen ? `, ${cause}` : ''}`;
}

function learnedText({ endpoints, ports, peers }: StatusAnswer['apps'][number]): string {
  const parts = [
    counted(endpoints, 'address', 'addresses'),
    counted(ports, 'port'),
    counted(peers, 'peer'),
  ];
  return parts.join(', ');
}

function proxiesTable(proxies: StatusAnswer['proxies']): string {
  const rows = proxies.map(
    (one) => [one.proxy, one.address, sinceText(one), probesText(one)] as const,
  );
  return table([['proxy', 'address', 'state', 'probes'], ...rows]);
}

/** The state of a tunnel by its probes, or that its device is missing. */
export function tunnelText({ state }: Pick<ProxyAnswer, 'state'>): string {
  if (state === 'no_device') return 'NO DEVICE';
  if (state === 'probing') return 'not answered yet';
  return state === 'down' ? 'DOWN' : state;
}

function sinceText(one: ProxyAnswer): string {
  return `${tunnelText(one)}${one.state === 'down' ? ` for ${durationText(one.state_s)}` : ''}`;
}

function probesText({ state, rtt_ms: rtt, loss_percent: loss }: ProxyAnswer): string {
  if (state === 'no_device') return '-';
  return `${rtt === null ? '' : `${rtt} ms, `}${loss} % lost`;
}

const ANSWERS_TEXT = {
  held: 'DNS answers are held',
  filled: 'DNS answers are put into the sets by dnsmasq, others watched only',
  watched: 'DNS answers are watched only',
  unseen: 'DNS answers are not seen',
  none: null,
} as const;

/** What is neither in the tables nor an alarm; each a line, the version last. */
function factLines(status: StatusAnswer): string[] {
  const { preferred_proxy: preferred, pins, outside, repairs, up_s, version, notes } = status;
  const told = [ANSWERS_TEXT[status.dns_answers], exitText(outside)].filter((one) => one !== null);
  const { count, last, ago_s } = repairs;
  const times = count === 1 ? 'once' : `${count} times`;
  const noted = notes.length === 0 ? '' : `; ${counted(notes.length, 'note')}: whp check`;
  return [
    ...(preferred === null ? [] : [`proxy ${preferred} alone, until whp proxy use auto`]),
    ...(pins === 0 ? [] : [`${counted(pins, 'pinned address', 'pinned addresses')}: whp pin`]),
    ...pressureLines(status.counters),
    ...plainBypass(status.bypass),
    ...status.suspects,
    ...(ago_s === null ? [] : [`repaired ${times}, last ${durationText(ago_s)} ago: ${last}`]),
    ...outside.apps.flatMap(lateLine),
    ...(told.length === 0 ? [] : [told.join('; ')]),
    `whp ${version}, up ${durationText(up_s)}${noted}`,
  ];
}

/** "0 packets" only if the meter counts. */
function exitText({ stands, samples_flows, apps }: MeterAnswer): string | null {
  if (!stands || apps.length === 0 || apps.some(({ packets }) => packets > 0)) return null;
  const how = samples_flows ? '' : ', by the first packets of flows (nf_conntrack_acct is 0)';
  return `0 packets left outside since boot${how}`;
}

function lateLine({ app, late }: OutsideAnswer): string[] {
  if (late === null) return [];
  const { flows, packets, bytes, last } = late;
  const many = `${counted(packets, 'packet')} (${bytesText(bytes)})`;
  const of = flows === 1 ? 'a flow' : `${flows} flows`;
  const which = `last ${durationText(last.ago_s)} ago: ${last.packets} of ${tied(last.flow)}`;
  return [`${many} of ${of} of ${app} had left before the evidence came, ${which}`];
}

/** Counts of answers that were not read on arrival; empty: none. */
function pressureLines(counters: StatusAnswer['counters']): string[] {
  const parts = [
    [counters.refused, counters.unasked > 0 ? `refused (${counters.unasked} unasked)` : 'refused'],
    [counters.waiting, 'still to be learned'],
    [counters.cut, 'copied in part'],
    [counters.full, 'times more than could be held at once'],
  ] as const;
  const said = parts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : []));
  return [
    ...(said.length === 0 ? [] : [`DNS answers for applications: ${said.join(', ')}`]),
    ...(counters.lost === 0
      ? []
      : [`packets came faster than the agent could read them: ${counted(counters.lost, 'time')}`]),
  ];
}

/** With the command that ends it, if the answer has one. */
function silentLines({ silent }: StatusAnswer): string[] {
  return silent.flatMap(({ text, fix }) => [
    ...wrapped(text),
    ...(fix === undefined ? [] : commandLines(fix)),
  ]);
}

/** Plain DNS to another resolver is read as it passes. */
function plainBypass(bypass: StatusAnswer['bypass']): string[] {
  return bypass.filter((one) => bypassFix(one) === null).map(bypassText);
}

/** DoT, DoQ and DoH cannot be read. */
function bypassAlarms(bypass: StatusAnswer['bypass']): Alarm[] {
  return bypass.flatMap((one) => {
    const fix = bypassFix(one);
    const text = `${bypassText(one)}: the answers cannot be read, and their addresses go direct`;
    return fix === null ? [] : [{ text, fix }];
  });
}

interface Alarm {
  readonly text: string;
  readonly fix: string;
}

function alarmLines(status: StatusAnswer): string[] {
  const { outside, bypass, problems } = status;
  const alarms = [
    ...outside.apps.filter(({ packets }) => packets > 0).map(outsideAlarm),
    ...(outside.stands || outside.apps.length === 0 ? [] : [NO_METER]),
    ...bypassAlarms(bypass),
    ...problems.map(({ place, text, fix = 'whp check' }) => ({ text: placed(place, text), fix })),
  ];
  return alarms.flatMap(({ text, fix }) => [...wrapped(text, '! '), ...commandLines(fix)]);
}

const NO_METER = {
  text: 'packets outside the tunnels are not counted: the meter does not stand',
  fix: 'whp reload',
};

function outsideAlarm({ app, packets, last }: OutsideAnswer): Alarm {
  const many = `${counted(packets, 'packet')} of ${app} left outside since boot`;
  const which =
    last === null
      ? ''
      : `, last ${durationText(last.ago_s)} ago: ${tied(last.flow)} (${last.detail})`;
  return { text: `${many}${which}`, fix: 'whp audit 5' };
}

/** "proxy cloud is DOWN", "whp.globals.lan (FILE:4): there is no device". */
function placed(place: string | null | undefined, text: string): string {
  if (place === null || place === undefined) return text;
  return text.startsWith('is ') ? `${place} ${text}` : `${place}: ${text}`;
}
