// daemon/file-commands: answers commands on files (check, profile, ruleset) from the running agent, which has
// parsed profiles and configuration. The client would have to start an engine for them.

import type { Reply } from '../answers/rpc.ts';
import { type Command, readArguments } from '../cli/arguments.ts';
import {
  checked,
  checkedAs,
  isInForce,
  isProfileName,
  reportOf,
  showsLooks,
  unread,
} from '../cli/check.ts';
import { ELSEWHERE, jsonLine, type Printed } from '../cli/print.ts';
import { profilesTold } from '../cli/profile.ts';
import { loadConfiguration, policyOf } from '../config/load.ts';
import { isSmallFile } from '../os/file.ts';
import { loadText } from '../ruleset/transaction.ts';
import type { Agent } from '../runtime/agent.ts';
import { routerNow } from '../runtime/preflight.ts';
import { ok, type Problem } from '../syntax/result.ts';

const OF_FILES: readonly string[] = ['profile', 'ruleset', 'check'];

export function isOfFiles({ name }: Command): boolean {
  return OF_FILES.includes(name);
}

/** Answers a command on files. ELSEWHERE: the client runs it itself; so for files other than the agent's own, whose
 * paths may be relative to the client's folder. */
export async function ofFiles(agent: Agent, command: Command): Promise<Printed> {
  const { sources } = agent.settings;
  const { piece } = agent.table;
  const { config, profiles, state } = command;
  if (config !== sources.config || profiles !== sources.profiles || state !== sources.state)
    return ELSEWHERE;
  if (command.name === 'profile') return profilesTold(command) ?? validateHere(command);
  if (command.name === 'check') return checkHere(agent, command);
  if (piece === null) return ELSEWHERE;
  const text = loadText(piece.parts);
  return { status: 0, out: command.json ? jsonLine({ ruleset: text }) : text, err: '' };
}

/** The object of a command on the agent's own files, for rpcd. */
export async function filesReply(agent: Agent, words: readonly string[]): Promise<Reply> {
  const { config, profiles, state } = agent.settings.sources;
  const paths = ['--config', config, '--profiles', profiles, '--state', state];
  const read = readArguments([...words, '--json', ...paths]);
  if (!read.ok) return { ok: false, problems: read.problems };
  const { out } = await ofFiles(agent, read.value);
  return { ok: true, answer: JSON.parse(out) };
}

/** Bytes. A check of a larger file would delay the agent's other work. */
const SMALL_FILE = 1 << 14;

/** Checks a file with an absolute path that is small; otherwise ELSEWHERE. */
function fileHere(command: Command, file: string, isProfile: boolean): Printed {
  const isHere = file.startsWith('/') && isSmallFile(file, SMALL_FILE);
  return isHere ? checkedAs(command, file, isProfile) : ELSEWHERE;
}

function validateHere(command: Command): Printed {
  const [word, file = ''] = command.words;
  return word === 'validate' ? fileHere(command, file, true) : ELSEWHERE;
}

async function checkHere(agent: Agent, command: Command): Promise<Printed> {
  const { operand } = command;
  // A path that is relative to the client's folder is another file here.
  if (operand !== null && !(operand.startsWith('/') && isInForce(command, operand)))
    return fileHere(command, operand, isProfileName(operand));
  const { configuration, configured, hosts } = agent.settings;
  const loaded = loadConfiguration(command, configuration);
  if (!loaded.ok) return unreadHere(agent, command, loaded.problems);
  const read =
    loaded.value === configuration ? ok(configured) : policyOf(loaded.value, hosts, configured);
  if (!read.ok) return unreadHere(agent, command, read.problems);
  const router = await routerNow(agent, read.value);
  const { uci } = loaded.value;
  return checked(command, command.config, reportOf({ policy: read.value, uci }, router));
}

/** A configuration that cannot be read changes nothing: the router is seen by the one in force. */
async function unreadHere(
  agent: Agent,
  command: Command,
  problems: readonly Problem[],
): Promise<Printed> {
  const { config } = command;
  if (!showsLooks(command)) return unread(command, config, problems);
  const { configuration, configured: policy } = agent.settings;
  const router = await routerNow(agent, policy);
  const other = { policy, uci: configuration.uci };
  return unread(command, config, problems, other, router, 'the configuration in force');
}
