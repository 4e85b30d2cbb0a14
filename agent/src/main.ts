// The composition root: argv -> daemon or one-shot command.
import * as std from 'qjs:std';

std.out.puts(`whp: ${scriptArgs.slice(1).join(' ')}\n`);
