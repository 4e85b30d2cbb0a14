// Proves the agent's netlink code against the kernel it runs on, with nothing but that kernel:
// no nft, no ip. Made for a big-endian router, where a wrong byte order shows at once; runs on any.
// It uses its own table `whpt`, tables 15001.., queue and group 5311, and cleans up behind itself.
// Parts the kernel lacks (GRE, nft queue) are `skip`. Give `--strict` to make them failures.
import * as std from 'qjs:std';
import { hostOrder } from '../../agent/src/netlink/endian.ts';
import { finish } from './claims.ts';
import { provePackets } from './probe-packets.ts';
import { proveRouting } from './probe-routing.ts';
import { proveKernelState } from './probe-state.ts';

std.out.puts(`# ${hostOrder}-endian\n`);
await proveRouting();
await proveKernelState();
await provePackets();
finish();
