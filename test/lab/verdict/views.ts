// Who the application's servers, the peers and the directory saw: only the proxy's address may occur.
import { HOME_ADDRESS, PROXY_ADDRESS } from '../world/plan.ts';
import type { ViewRecord } from './records.ts';
import type { Views } from './result.ts';

const KIND: Readonly<Record<string, keyof Views>> = {
  directory: 'directory',
  peer: 'peers',
  stranger: 'peers',
  supernode: 'servers',
  server: 'servers',
};

export function emptyViews(): Views {
  return { peers: {}, directory: {}, servers: {} };
}

/** Adds what an application's server saw; other servers' views are nobody's secret. */
export function addView(views: Views, view: ViewRecord): void {
  const kind = KIND[view.role];
  if (kind === undefined) return;
  views[kind][view.from] = (views[kind][view.from] ?? 0) + 1;
}

export function onlyProxy(views: Views): boolean {
  const seen = [views.peers, views.directory, views.servers].flatMap((view) => Object.keys(view));
  return seen.every((address) => address === PROXY_ADDRESS);
}

/** How many views hold the home's own address. */
export function homeSightings(views: Views): number {
  const seen = [views.peers, views.directory, views.servers];
  return seen.reduce((total, view) => total + (view[HOME_ADDRESS] ?? 0), 0);
}
