// biome-ignore-all lint/suspicious/noTemplateCurlyInString: texts of sources
// Promises of SECURITY.md, each with one way to break it in the code and the tests that have to notice.
// scripts/mutate.sh runs them; test/node/mutations.test.ts sees to it that none has lost its place. `from`
// occurs once in `file`.

export interface Mutation {
  readonly name: string;
  readonly promise: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly tests: readonly string[];
}

const TRACE = 'test/unit/ruleset/trace.test.ts';

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'never-mark',
    promise: 'a packet of the application takes its path on its first packet',
    file: 'agent/src/ruleset/compile-new.ts',
    from: "      rule('path of this packet', setMark(context, 'meta', app.slot)),\n",
    to: '',
    tests: [TRACE],
  },
  {
    name: 'never-mark-the-flow',
    promise: 'a flow of the application stays on its path',
    file: 'agent/src/ruleset/compile-new.ts',
    from: "      rule('path of the flow', setMark(context, 'ct', app.slot)),\n",
    to: '',
    tests: [TRACE],
  },
  {
    name: 'kill-switch-open',
    promise: 'a marked packet leaves by a tunnel or is rejected',
    file: 'agent/src/ruleset/compile-forward.ts',
    from: "rule('no tunnel, no way', count(rejectedCounter(app.name)), goTo('refuse'))",
    to: "rule('no tunnel, no way', count(rejectedCounter(app.name)), accept)",
    tests: ['test/netns/barriers.test.ts'],
  },
  {
    name: 'no-prohibit',
    promise: 'behind the route of a tunnel stands a prohibit',
    file: 'agent/src/tunnel/plan.ts',
    from: 'return [...through, ...prohibits(table)];',
    to: 'return [...through];',
    tests: ['test/unit/tunnel/plan.test.ts'],
  },
  {
    name: 'no-rule',
    promise: 'each slot has its ip rule, in both families',
    file: 'agent/src/tunnel/plan.ts',
    from: '      pieces.push(rule);',
    to: '      if (family === 4) pieces.push(rule);',
    tests: ['test/unit/tunnel/plan.test.ts'],
  },
  {
    name: 'sweep-after-open',
    promise: 'a change of way is withdraw, sweep, open',
    file: 'agent/src/tunnel/order.ts',
    from: `  const swept = await inOrder(sweep, perform);
  if (swept !== null) return swept;
`,
    to: '',
    tests: ['test/unit/tunnel/order.test.ts'],
  },
  {
    name: 'not-awaited',
    promise: 'each step of a change of way waits for the one before',
    file: 'agent/src/tunnel/order.ts',
    from: '    const wrong = await perform(effect);\n    if (wrong !== null) return wrong;',
    to: '    void perform(effect);',
    tests: ['test/unit/tunnel/order.test.ts'],
  },
  {
    name: 'failed-sweep-opens',
    promise: 'a step that fails leaves the application refused',
    file: 'agent/src/tunnel/order.ts',
    from: '  if (swept !== null) return swept;\n',
    to: '',
    tests: ['test/unit/tunnel/order.test.ts'],
  },
  {
    name: 'release-first',
    promise: 'a held answer is released behind what it teaches',
    file: 'agent/src/system/effects.ts',
    from: `      case 'release':
        commit(self, changes);
        self.held?.release(effect.id);`,
    to: `      case 'release':
        self.held?.release(effect.id);
        commit(self, changes);`,
    tests: ['test/netns/netlink.test.ts'],
  },
  {
    name: 'port-unlearned',
    promise: 'a packet to a supernode teaches the P2P port',
    file: 'agent/src/ruleset/compile-new.ts',
    from: "    evidence(context, app, `learn${family}`, 'range', 'supernode', learn),",
    to: "    evidence(context, app, `learn${family}`, 'range', 'supernode', []),",
    tests: [TRACE],
  },
  {
    name: 'expire-always',
    promise: 'what is learned holds as long as its answer said',
    file: 'agent/src/learn/learned.ts',
    from: '      if (endpoint.expires > now) continue;',
    to: '      if (endpoint.expires > now + 86_400_000) continue;',
    tests: ['test/unit/learn/learned.test.ts'],
  },
  {
    name: 'evict-others',
    promise: 'one device fills its own share alone',
    file: 'agent/src/learn/shares.ts',
    from: '    if (own.size <= most) continue;',
    to: '    if (own.size > most && most > 0) continue;',
    tests: ['test/unit/learn/learned.test.ts', 'test/unit/learn/shares.test.ts'],
  },
  {
    name: 'no-guard',
    promise: 'without the table nothing new leaves the home',
    file: 'agent/src/loading.ts',
    from: '  const raised = raiseGuard(guard);',
    to: "  const raised: ReturnType<typeof raiseGuard> = 'broken';",
    tests: ['test/netns/guard.test.ts'],
  },
  {
    name: 'no-restore',
    promise: 'a table that somebody deleted stands again',
    file: 'agent/src/keep.ts',
    from: '  const refused = await runNft(daemon, loadText(standing, held));',
    to: '  const refused = await runNft(daemon, `# ${loadText(standing, held).length}`);',
    tests: ['test/netns/guard.test.ts'],
  },
  {
    name: 'inbound-open',
    promise: 'a flow from outside to a P2P port is refused',
    file: 'agent/src/ruleset/compile-forward.ts',
    from: "rule('silence', count(rejectedCounter(name)), drop)",
    to: "rule('silence', count(rejectedCounter(name)), accept)",
    tests: [TRACE],
  },
  {
    name: 'tunnel-reaches-in',
    promise: 'nothing new comes out of a tunnel into the home',
    file: 'agent/src/ruleset/compile-forward.ts',
    from: "[rule('nothing new comes out of a tunnel', oneOf(iifname, context.tunnels), drop)]",
    to: "[rule('nothing new comes out of a tunnel', oneOf(iifname, context.tunnels), accept)]",
    tests: [TRACE],
  },
  {
    name: 'icmp-by-the-wan',
    promise: "the router's ICMP errors about a proxied flow take its path",
    file: 'agent/src/ruleset/compile-local.ts',
    from: "rule('to the peer: by its path', setMark(context, 'meta', app.slot))",
    to: "rule('to the peer: by its path', accept)",
    tests: ['test/netns/trace.test.ts'],
  },
  {
    name: 'gre-inherits-mark',
    promise: 'the packet around a proxied one is routed to the proxy',
    file: 'agent/src/ruleset/compile-local.ts',
    from: "          { kind: 'mark', target: 'meta', keep: foreignBits(globals.mask), value: 0 },\n",
    to: '',
    tests: [TRACE, 'test/golden/golden.test.ts'],
  },
  {
    name: 'every-device',
    promise: 'an application limited to some devices is proxied for them alone',
    file: 'agent/src/ruleset/context.ts',
    from: 'return app.devices.length > 0 || app.macs !== undefined;',
    to: 'return false;',
    tests: [TRACE],
  },
  {
    name: 'pause-unheard',
    promise: 'a paused application opens no new flow in the tunnel',
    file: 'agent/src/ruleset/context.ts',
    from: "return notInSet(nfproto, gateName(app.name, 'paused'));",
    to: "return notInSet(nfproto, gateName(app.name, 'blocked'));",
    tests: [TRACE],
  },
  {
    name: 'private-is-public',
    promise: 'an address that is not public is never learned',
    file: 'agent/src/wire/address.ts',
    from: '  return family === 4 ? isRoutableV4(bytes, offset) : isRoutableV6(bytes, offset);',
    to: '  return family === 4 || isRoutableV6(bytes, offset);',
    tests: ['test/unit/wire/address.test.ts', 'test/unit/step.test.ts'],
  },
  {
    name: 'own-is-learned',
    promise: "the router's and the proxies' own addresses are never learned",
    file: 'agent/src/learn/observe-dns.ts',
    from: "return observer.isOwn(address) ? 'an address of the router, the home or a proxy' : null;",
    to: 'return null;',
    tests: ['test/unit/learn/observe-dns.test.ts'],
  },
  {
    name: 'queue-without-bypass',
    promise: "a dead agent never stops the home's DNS",
    file: 'agent/src/ruleset/render.ts',
    from: '`queue flags bypass to ${one.number}`',
    to: '`queue to ${one.number}`',
    tests: ['test/golden/golden.test.ts'],
  },
  {
    name: 'block-is-direct',
    promise: 'without a proxy an application with fallback block is refused',
    file: 'agent/src/tunnel/select.ts',
    from: "chooser.fallback === 'direct' ? 'direct' : 'blocked'",
    to: "chooser.fallback === 'direct' ? 'blocked' : 'direct'",
    tests: ['test/unit/tunnel/steer.test.ts'],
  },
  {
    name: 'late-not-cut',
    promise: 'a flow that was direct before its evidence is cut',
    file: 'agent/src/step/evidence.ts',
    from: "if (said.feed === 'late') return [{ kind: 'cut', flow: evidence.flow }, told];",
    to: "if (said.feed === 'late') return [told];",
    tests: ['test/unit/step.test.ts'],
  },
  {
    name: 'learned-lost',
    promise: 'a table that is loaded again has what was learned',
    file: 'agent/src/learn/held.ts',
    from: '    if (key === null || kept <= now) continue;',
    to: '    if (key === null || kept > now) continue;',
    tests: ['test/netns/guard.test.ts', 'test/unit/scenario.test.ts'],
  },
  {
    name: 'bad-file-opens',
    promise: 'a configuration that cannot be read opens nothing',
    file: 'agent/src/control/settings.ts',
    from: 'const usable = tried.ok ? tried : lastGood(sources, before);',
    to: 'const usable = tried;',
    tests: ['test/netns/hostile.test.ts'],
  },
  {
    name: 'quote-ends-text',
    promise: 'no text of an owner ends the string it stands in',
    file: 'agent/src/ruleset/render.ts',
    from: "return `\"${text.replace(/[^A-Za-z0-9 _.:;,'@+!?=/()-]/g, '?').slice(0, longest) || '?'}\"`;",
    to: 'return `"${text.slice(0, longest)}"`;',
    tests: ['test/unit/ruleset/hostile.test.ts'],
  },
  {
    name: 'last-packets-leave',
    promise: 'a packet of no flow from a device of an application stays at home',
    file: 'agent/src/ruleset/compile-new.ts',
    from: '      ...usingRules(),\n',
    to: '',
    tests: [TRACE],
  },
  {
    name: 'private-checks-leave',
    promise: "a private address is refused to an application's port",
    file: 'agent/src/ruleset/compile-cut.ts',
    from: "        goTo('refuse'),",
    to: '        accept,',
    tests: [TRACE],
  },
  {
    name: 'cut-in-silence',
    promise: 'a connection that is ended while its device waits is reset at once',
    file: 'agent/src/system/cuts.ts',
    from: 'if (!told.over) ask(tell, markOf(mask, CUT));',
    to: '',
    tests: ['test/netns/cut.test.ts'],
  },
  {
    name: 'cut-aloud',
    promise: 'the router says nothing of a flow that was cut',
    file: 'agent/src/system/cuts.ts',
    from: 'const wrong = silence(endings);',
    to: 'const wrong = null;',
    tests: ['test/netns/cut.test.ts'],
  },
  {
    name: 'forwarded-in-unseen',
    promise: 'a flow that a port forward let in before its evidence is cut',
    file: 'agent/src/system/late.ts',
    from: '[{ ...only, isReply: true }]',
    to: '[]',
    tests: ['test/netns/cut.test.ts'],
  },
];
