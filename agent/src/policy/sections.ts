// policy/sections: the option tables of all section types of the configuration. A test compares docs/uci.md
// and the shipped configuration with them.

import type { OptionSpec } from '../syntax/options.ts';
import { GLOBALS_OPTIONS } from './build.ts';
import { APP_OPTIONS } from './build-apps.ts';
import { DEVICE_OPTIONS, GROUP_OPTIONS } from './build-devices.ts';
import { PROXY_OPTIONS } from './build-proxies.ts';
import { RULE_OPTIONS } from './build-rules.ts';
import { SYNC_OPTIONS } from './build-sync.ts';

export const SECTIONS: { readonly [type: string]: OptionSpec } = {
  globals: GLOBALS_OPTIONS,
  proxy: PROXY_OPTIONS,
  app: APP_OPTIONS,
  device: DEVICE_OPTIONS,
  group: GROUP_OPTIONS,
  rule: RULE_OPTIONS,
  sync: SYNC_OPTIONS,
};
