// ruleset/compile-dns: DNS of the devices: their queries are announced, the answers to them are held until
// what they teach is in the kernel, or only watched. Part of the hooks input, output and forward.
import { unlessLoud } from './compile-share.ts';
import { type Context, logWhole } from './context.ts';
import type { Chain, Statement } from './model.ts';
import { ANSWER_PREFIX, QUERY_PREFIX } from './names.ts';
import {
  accept,
  dport,
  iifname,
  is,
  jump,
  l4proto,
  oifname,
  oneOf,
  rule,
  sport,
  TCP,
  UDP,
} from './terms.ts';

/** Requests to the router's own resolver. */
export function queryChain(context: Context): Chain {
  return {
    name: 'query',
    rules: [unlessLoud('asking'), rule('DNS request of a device', logWhole(context, QUERY_PREFIX))],
  };
}

/** Flows to a resolver outside. */
export function watchChain(context: Context): Chain {
  return {
    name: 'watch',
    rules: [
      rule('asks too often', ...queryOf(context), jump('asking')),
      rule('DNS request of a device', ...queryOf(context), logWhole(context, QUERY_PREFIX)),
      rule('DNS answer to a device', ...answerOf(context), answerStatement(context)),
      rule('watched, not touched', accept),
    ],
  };
}

function queryOf(context: Context): Statement[] {
  return [oneOf(iifname, context.globals.lan), oneOf(l4proto, [TCP, UDP]), is(dport, 53)];
}

function answerOf(context: Context): Statement[] {
  return [oneOf(oifname, context.globals.lan), oneOf(l4proto, [TCP, UDP]), is(sport, 53)];
}

/** Held until what it teaches is in the kernel, or only watched. */
export function answerStatement(context: Context): Statement {
  const { hold, queue } = context.globals;
  return hold ? { kind: 'queue', number: queue } : logWhole(context, ANSWER_PREFIX);
}
