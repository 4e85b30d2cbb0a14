// Command line of the machines alone, without sessions: scripts/lab.sh boot | speed | prepare.
// Its exit status is 0 only when everything asked for was seen to work.
import { parseArgs } from 'node:util';
import { bootCheck } from './boot-check.ts';
import { image } from './image.ts';
import { type RouterKind, routerRole, worldRole } from './roles.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    router: { type: 'string', default: 'mipsel' },
    out: { type: 'string' },
  },
});

function routerKind(text: string): Exclude<RouterKind, 'mips'> {
  if (text === 'mipsel' || text === 'x86_64') return text;
  throw new Error(`--router ${text}: known are mipsel and x86_64`);
}

async function main(): Promise<void> {
  const router = routerKind(values.router);
  const out = values.out === undefined ? {} : { out: values.out };
  switch (positionals[0]) {
    case 'prepare': {
      const say = (line: string): void => console.log(`lab: ${line}`);
      await image(routerRole(router), say);
      await image(worldRole(), say);
      return;
    }
    case 'boot':
      return bootCheck({ router, ...out });
    default:
      throw new Error(`unknown command ${positionals[0] ?? '(none)'}: boot, prepare`);
  }
}

main().then(
  () => process.exit(0),
  (error: Error) => {
    console.error(`lab: ${error.message}`);
    process.exit(1);
  },
);
