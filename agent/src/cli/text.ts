// cli/text: answers as text for a terminal of 80 columns. Pure.

import type { EvidenceAnswer, FlowAnswer, LearnedAnswer } from '../answers/flows.ts';
import type { MeterAnswer, OutsideAnswer } from '../answers/meter.ts';
import type { MonitorAnswer } from '../answers/monitor.ts';
import { byText, type NowAnswer } from '../answers/now.ts';
import type { Rows } from '../answers/rows.ts';
import type { ProxyAnswer, StatusAnswer } from '../answers/status.ts';
import type { WhyAnswer } from '../answers/why-parts.ts';
import { nameInWords, nameWithin } from '../learn/aliases.ts';
import { problemText } from '../syntax/result.ts';
import { MOST_ROWS } from './commands.ts';

/** Rows in columns as wide as their widest cell; the last column is not padded. */
export function columns(rows: readonly (readonly (string | number)[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, String(cell).length);
    });
  }
  return rows
    .map((row) =>
      row
        .map((cell, at) =>
          at === row.length - 1 ? String(cell) : String(cell).padEnd(widths[at]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

export function secondsText(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

const BYPASS_TEXT = { dns: 'DNS', dot: 'DoT or DoQ', doh: 'DoH' } as const;

export function statusText(status: StatusAnswer): string {
  const { counters } = status;
  const lines = [
    `whp ${status.version}: ${status.state}, up ${secondsText(status.up_s)}, ${bytesText(status.memory_bytes)} resident`,
  ];
  if (status.apps.length === 0) lines.push('no app is enabled: see /etc/config/whp');
  else lines.push('', appsTable(status.apps));
  if (status.proxies.length > 0) lines.push('', proxiesTable(status.proxies));
  lines.push(
    '',
    `DNS answers ${counters.answers} (${ANSWERS_TEXT[status.dns_answers]}), matched ${counters.matched}, queries ${counters.queries}`,
    `evidence ${counters.evidence}, unreadable ${counters.malformed}, feed overruns ${counters.lost}`,
    ...pressureLines(counters),
  );
  if (status.preferred_proxy !== null)
    lines.push(`proxy ${status.preferred_proxy} alone, by whp proxy use`);
  if (status.pins > 0) lines.push(`${status.pins} addresses pinned (whp pin)`);
  for (const { device, address, how } of status.bypass) {
    const who = device === null ? address : `${device} (${address})`;
    lines.push(`${who} asks other resolvers (${how.map((kind) => BYPASS_TEXT[kind]).join(', ')})`);
  }
  lines.push(...status.suspects);
  const { count, last, ago_s } = status.repairs;
  if (ago_s !== null) {
    const times = count === 1 ? 'once' : `${count} times`;
    lines.push(`repaired ${times}, last ${secondsText(ago_s)} ago: ${last}`);
  }
  lines.push(...meterLines(status.outside), ...keptLines(status.kept));
  lines.push(...status.silent.map(({ text }) => text));
  const others = status.notes.length;
  if (others > 0) lines.push(`${others} note${others === 1 ? '' : 's'}: whp check`);
  for (const { place, text, fix } of status.problems) {
    const problem = { where: place ?? '', what: text, ...(fix === undefined ? {} : { fix }) };
    lines.push(`! ${problemText(problem)}`);
  }
  return `${lines.join('\n')}\n`;
}

function appsTable(apps: StatusAnswer['apps']): string {
  const head = ['app', 'profile', 'new connections', 'by', 'endpoints', 'ports', 'peers', 'flows'];
  const rows = apps.map((app) => [
    app.app,
    app.profile === null ? 'rules' : `${app.profile} ${app.profile_version}`,
    newText(app.new_connections),
    app.new_connections.proxy ?? '-',
    app.endpoints,
    app.ports,
    app.peers,
    app.flows,
  ]);
  return columns([head, ...rows]);
}

function proxiesTable(proxies: StatusAnswer['proxies']): string {
  const head = ['proxy', 'address', 'state', 'loss', 'rtt', 'mtu'];
  const rows = proxies.map((one) => [
    one.proxy,
    one.address,
    tunnelText(one),
    `${one.loss_percent} %`,
    one.rtt_ms === null ? '-' : `${one.rtt_ms} ms`,
    one.mtu_bytes ?? '-',
  ]);
  return columns([head, ...rows]);
}

function keptLines({ restored, written_ago_s: ago }: StatusAnswer['kept']): string[] {
  if (restored === 0 && ago === null) return [];
  const when = ago === null ? 'not written yet' : `written ${secondsText(ago)} ago`;
  return [`${restored} entries known from before the start; what is learned is kept, ${when}`];
}

/** The meter's lines; "0 packets" only if the meter counts. */
function meterLines({ stands, samples_flows, apps }: MeterAnswer): string[] {
  if (apps.length === 0) return [];
  const counted = apps.filter(({ packets }) => packets > 0);
  const lines = counted.map((one) => `! ${outsideLine(one)}`);
  if (!stands)
    lines.push('! packets outside the tunnels are not counted: the meter does not stand');
  else if (counted.length === 0) {
    const how = samples_flows ? '' : ', by the first packets of flows (nf_conntrack_acct is 0)';
    lines.push(`0 packets left outside since boot${how}`);
  }
  return [...lines, ...apps.flatMap(lateLine)];
}

function outsideLine({ app, packets, last }: OutsideAnswer): string {
  const many = `${packets} ${packets === 1 ? 'packet' : 'packets'} of ${app} left outside since boot`;
  if (last === null) return many;
  return `${many}, last ${secondsText(last.ago_s)} ago: ${last.flow} (${last.detail})`;
}

function lateLine({ app, late }: OutsideAnswer): string[] {
  if (late === null) return [];
  const { flows, packets, bytes, last } = late;
  const many = `${packets} ${packets === 1 ? 'packet' : 'packets'} (${bytesText(bytes)})`;
  const of = flows === 1 ? 'a flow' : `${flows} flows`;
  const which = `last ${secondsText(last.ago_s)} ago: ${last.packets} of ${last.flow}`;
  return [`${many} of ${of} of ${app} had left before the evidence came, ${which}`];
}

/** The state of a tunnel by its probes, or that its device is missing. */
export function tunnelText({ state }: Pick<ProxyAnswer, 'state'>): string {
  if (state === 'no_device') return 'NO DEVICE';
  return state === 'down' ? 'DOWN' : state;
}

function newText({ state, cause, left_s }: NowAnswer): string {
  if (state === 'proxied') return 'proxied';
  if (cause !== 'paused' && cause !== 'schedule') return state.toUpperCase();
  return `DIRECT, ${cause}${left_s === null ? '' : ` ${secondsText(left_s)}`}`;
}

const ANSWERS_TEXT = {
  held: 'held',
  filled: 'put into the sets by dnsmasq, others watched only',
  watched: 'watched only',
  unseen: 'not seen',
  none: 'none is looked at',
} as const;

/** The note under a list that was cut. */
export function cut({ more }: { readonly more?: true }, limit = MOST_ROWS): string {
  if (more === undefined) return '';
  return `at most ${limit} rows${limit < MOST_ROWS ? '; for more: --limit N' : ''}\n`;
}

export function flowsText(flows: Rows<FlowAnswer>, limit?: number): string {
  if (flows.rows.length === 0) return 'no flow of an application now\n';
  const rows = flows.rows.map((one) => [
    one.flow,
    byText(one),
    one.packets,
    bytesText(one.bytes_up + one.bytes_down),
    one.evidence,
    one.detail,
  ]);
  const table = columns([['flow', 'by', 'packets', 'bytes', 'evidence', 'why'], ...rows]);
  return `${table}\n${cut(flows, limit)}`;
}

export function evidenceText(list: Rows<EvidenceAnswer>, limit?: number): string {
  if (list.rows.length === 0) return "no flow was an application's in the last hour\n";
  const rows = list.rows.map((one) => [`${one.ago_s} s ago`, one.flow, one.evidence, one.detail]);
  const table = columns([['when', 'flow', 'evidence', 'why'], ...rows]);
  return `${table}\n${cut(list, limit)}`;
}

export function learnedText(learned: LearnedAnswer, limit?: number): string {
  const rows: (string | number)[][] = [['app', 'what', 'device', 'left', 'taught by']];
  for (const one of learned.endpoints) {
    rows.push([
      one.app,
      one.remote,
      'any',
      `${one.left_s} s`,
      `${nameInWords(one.name, one.root ?? undefined)}, asked by ${deviceText(one)}`,
    ]);
  }
  for (const one of learned.ports) {
    rows.push([
      one.app,
      `${one.protocol} port ${one.port}`,
      deviceText(one),
      `${one.left_s} s`,
      'supernode or mapping',
    ]);
  }
  for (const one of learned.peers) {
    rows.push([one.app, one.remote, deviceText(one), `${one.left_s} s`, 'contact from its port']);
  }
  for (const one of learned.named) {
    rows.push([one.app, one.remote, deviceText(one), `${one.left_s} s`, 'name in its TLS hello']);
  }
  if (rows.length === 1) return 'nothing learned yet\n';
  return `${columns(rows)}\n${cut(learned, limit)}`;
}

/** The name of a device; its address if it has none. */
function deviceText(one: { readonly device: string | null; readonly address: string }): string {
  return one.device ?? one.address;
}

export function whyText(why: WhyAnswer): string {
  return `${[`${why.query}: ${why.verdict}`, ...why.reasons.map((one) => `  ${one}`)].join('\n')}\n`;
}

/** One line of `whp monitor`. */
export function monitorText(told: MonitorAnswer): string {
  switch (told.kind) {
    case 'dns': {
      const { app, name, root, addresses, targets } = told;
      const list = addresses.map(({ remote, ttl_s }) => `${remote} (${ttl_s} s)`);
      // With addresses in the answer, the device queries no further name.
      const led = list.length > 0 ? [] : targets.map((one) => `${one.name} next (${one.ttl_s} s)`);
      const what = [...list, ...led].join(', ') || 'no usable address';
      return `${app} dns ${nameWithin(name, root)} asked by ${deviceText(told)}: ${what}\n`;
    }
    case 'query':
      return `${told.app} query ${told.name} by ${deviceText(told)}\n`;
    case 'hello':
      return `${told.app} hello ${deviceText(told)} calls ${told.remote} ${told.name}\n`;
    case 'flow':
      return `${told.app} ${told.evidence} ${told.flow}: ${told.detail}\n`;
  }
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
  return said.length === 0 ? [] : [`of these answers: ${said.join(', ')}`];
}
