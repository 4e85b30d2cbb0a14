// The benchmark's outside resolver, in the world's namespace `net`: answers every query at once with a CNAME
// and addresses that no other answer contains, so that each is new to the router.
// Usage: resolver ADDRESS
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { openDatagrams } from '../world/socket.ts';
import { answerTo } from './answer.ts';

const [, address = '198.51.100.53'] = scriptArgs;
let serial = 0;

const server = openDatagrams('neutral', { address, port: 53 }, (query, from) => {
  const answer = answerTo(query, serial);
  if (answer === null) return;
  serial += 1;
  server.send(from, answer);
});
os.signal(os.SIGTERM, () => std.exit(0));
std.out.puts('resolver: ready\n');
std.out.flush();
