// Runs in the host program inside a network namespace: kernel/tables loads a text that whp:nft does not read, which is left to
// nft. Prints the refusal, if there is one.

import * as std from 'qjs:std';
import { openNetlink } from '../../agent/src/kernel/netlink-socket.ts';
import { openDumps } from '../../agent/src/kernel/sliced-dump.ts';
import { tablesOver } from '../../agent/src/kernel/tables.ts';
import { NETLINK_NETFILTER } from '../../agent/src/netlink/constants.ts';
import { errorText } from '../../agent/src/os/errno.ts';

const [socket, dumps] = [openNetlink(NETLINK_NETFILTER), openDumps()];
if (!socket.ok || !dumps.ok) throw new Error('no socket');
const { load } = tablesOver(socket.value, dumps.value, '/tmp/whp-fallback.nft');
const error = await load('table inet t {\n  chain c {\n    tcp sport 7\n  }\n}\n');
std.out.puts(error === null ? 'loaded\n' : `${errorText(error)}\n`);
std.exit(error === null ? 0 : 1);
