// Runs in the host program: encodes texts of nft, or loads them in its network namespace (whp:nft). Prints what was refused,
// and ends with it.
// Usage: nft-program encode|load FILE...: `encode` writes FILE.batch.
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { encode, load } from 'whp:nft';

const [, verb, ...files] = scriptArgs;
for (const file of files) {
  const text = std.loadFile(file)!;
  const batch = verb === 'load' ? load(text) : encode(text);
  if (typeof batch !== 'string') {
    const fd = os.open(`${file}.batch`, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600);
    os.write(fd, batch, 0, batch.byteLength);
    os.close(fd);
  } else if (batch !== '') {
    std.out.puts(`${batch}\n`);
    std.exit(1);
  }
}
