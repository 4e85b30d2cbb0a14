// Proves the agent's netlink code against the running kernel without nft or ip: made for the big-endian router,
// runs on any. It uses its own table `whpt`, tables 15001.., queue and group 5311, and removes them at the end.
// Missing parts of the kernel (GRE, nft queue) are `skip`; with `--strict` they fail.
import * as std from 'qjs:std';
import { hostOrder } from '../../agent/src/netlink/endian.ts';
import { finish } from './claims.ts';
import { proveLoad } from './probe-load.ts';
import { provePackets } from './probe-packets.ts';
import { proveRouting } from './probe-routing.ts';
import { proveKernelState } from './probe-state.ts';

std.out.puts(`# ${hostOrder}-endian\n`);
await proveRouting();
await proveKernelState();
await provePackets();
proveLoad();
finish();
