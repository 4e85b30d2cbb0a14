// cli/verdict: the first lines of `whp status`: what an owner wants to know, in plain words. Pure.
import type { StatusAnswer } from '../answers/status.ts';
import { CLOCK_IS_SET } from '../policy/schedule.ts';
import { type Clock, momentText } from '../syntax/local-time.ts';
import { commandLines, wrapped } from './columns.ts';

type App = StatusAnswer['apps'][number];

/** Apps with the same words. */
interface Told {
  readonly names: string[];
  readonly app: App;
}

/** `alarms`: lines with "!" follow. The states of the apps, the worst first. */
export function verdictLines(status: StatusAnswer, clock: Clock, alarms: boolean): string[] {
  const { apps, dns_answers: ear, hold_wanted: wanted } = status;
  if (apps.length === 0) return ['idle: no app is enabled', ...commandLines('whp check')];
  const told = gathered(apps);
  const of = (wanted: (app: App) => boolean): Told[] => told.filter(({ app }) => wanted(app));
  const { direct, refused, partly, hours, proxied } = {
    direct: of((app) => stateOf(app) === 'direct' && !isByHours(app)),
    refused: of((app) => stateOf(app) === 'refused'),
    partly: of((app) => app.new_connections.partly),
    hours: of(isByHours),
    proxied: of((app) => stateOf(app) === 'proxied' && !app.new_connections.partly),
  };
  const lines = [
    ...direct.flatMap((one) => directLines(one, clock)),
    ...refused.flatMap((one) => wrapped(refusedText(one))),
    ...partly.flatMap((one) => wrapped(partlyText(one, status))),
    ...hours.flatMap((one) => wrapped(hoursText(one))),
  ];
  if (proxied.length === 0) return lines;
  const ways = proxied.map((one) => wayText(one, status)).join('; ');
  if (lines.length > 0) return [...lines, ...wrapped(ways)];
  if (wanted && (ear === 'watched' || ear === 'unseen'))
    return ['PARTLY PROTECTED: a first packet may leave directly, see ! below', ...wrapped(ways)];
  const isAnswered = proxied.some(({ app }) => proxyOf(app, status)?.state !== 'probing');
  const what = isAnswered ? 'whp works' : 'whp has begun';
  return wrapped(`${what}${alarms ? ', but see ! below' : ''}: ${ways}`);
}

function stateOf({ new_connections: { state } }: App): string {
  return state;
}

function isByHours({ new_connections: { cause } }: App): boolean {
  return cause === 'schedule';
}

function gathered(apps: readonly App[]): readonly Told[] {
  const told = new Map<string, Told>();
  for (const app of apps) {
    const { state, proxy, reason, left_s: left } = app.new_connections;
    const words = [state, proxy, reason, left].join();
    const known = told.get(words);
    if (known === undefined) told.set(words, { names: [app.app], app });
    else known.names.push(app.app);
  }
  return [...told.values()];
}

function phrase({ names }: Told, one: string, many: string): string {
  return `${names.join(', ')} ${names.length === 1 ? one : many}`;
}

function directLines(told: Told, clock: Clock): string[] {
  const { cause, reason, left_s: left } = told.app.new_connections;
  const what = `NOT PROTECTED: ${phrase(told, 'goes', 'go')} out directly: `;
  if (cause !== 'paused') return wrapped(`${what}${reason}`);
  const { wall, zone } = clock;
  const isTimed = left !== null && wall >= CLOCK_IS_SET;
  const until = isTimed ? `until ${momentText(zone, wall + left * 1000, wall)}` : null;
  const why = until === null ? reason : `paused by you ${until}`;
  return [
    ...wrapped(`${what}${why}`),
    ...told.names.flatMap((name) => commandLines(`whp resume ${name}`)),
  ];
}

function refusedText(told: Told): string {
  const { reason } = told.app.new_connections;
  return `NOT WORKING: ${phrase(told, 'is', 'are')} REFUSED: ${reason}`;
}

function partlyText(told: Told, status: StatusAnswer): string {
  return `PARTLY WORKING: ${wayText(told, status)}, but not all of it: ${told.app.new_connections.reason}`;
}

function hoursText(told: Told): string {
  return `OUTSIDE ITS HOURS: ${phrase(told, 'goes', 'go')} out directly, by schedule`;
}

function wayText(told: Told, status: StatusAnswer): string {
  const proxy = proxyOf(told.app, status);
  const where = proxy === undefined ? '' : ` (${proxy.address})`;
  const not = proxy?.state === 'probing' ? ', which has not answered yet' : '';
  const name = told.app.new_connections.proxy;
  return `${phrase(told, 'leaves', 'leave')} by proxy ${name}${where}${not}`;
}

function proxyOf({ new_connections: { proxy } }: App, { proxies }: StatusAnswer) {
  return proxies.find((one) => one.proxy === proxy);
}
