// The kernel of the namespace that a test program runs in, and the executor of effects on it.
import type { HeldFeed } from '../../agent/src/kernel/held-feed.ts';
import type { Kernel } from '../../agent/src/kernel/kernel.ts';
import { openKernel } from '../../agent/src/kernel/open.ts';
import { errorText } from '../../agent/src/os/errno.ts';
import type { Policy } from '../../agent/src/policy/policy.ts';
import { createEffects, type Effects } from '../../agent/src/runtime/effects.ts';
import { createFeeds, type FeedState } from '../../agent/src/runtime/feeds.ts';
import { createInForce, takeIn } from '../../agent/src/runtime/in-force.ts';

export function realKernel(): Kernel {
  const opened = openKernel('/tmp/whp-test.nft');
  if (!opened.ok) throw new Error(errorText(opened.error));
  return opened.value;
}

/** `feeds`: where held packets get their verdicts. */
export function effectsOn(kernel: Kernel, policy: Policy, feeds: Partial<FeedState> = {}): Effects {
  const inForce = createInForce(policy, kernel.glance);
  takeIn(inForce, policy, policy);
  return createEffects(kernel, inForce, { ...createFeeds(), ...feeds }, () => ({
    isOwn: () => false,
    gateways: inForce.state.gateways,
    macOf: () => null,
    addressesOf: () => [],
  }));
}

/** A feed that tells `note` each verdict: "release 1", "again 2", "refuse 3". */
export function notingFeed(note: (verdict: string) => void): HeldFeed {
  return {
    counters: {} as HeldFeed['counters'],
    takeGlanced: () => 0,
    release: (id, again) => note(`${again ? 'again' : 'release'} ${id}`),
    refuse: (id) => note(`refuse ${id}`),
    flush: () => {},
    takeOne: () => false,
    takeDropped: () => 0,
    isBehind: () => false,
    close: () => {},
  };
}
