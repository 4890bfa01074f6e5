#!/usr/bin/env -S node --no-wasm-inlining
/**
 * The command line's entry: looks at the version of Node before anything is loaded that an older one cannot read. The
 * option above, which is why `npm start` has it too: decision 10.
 */
const LEAST = [24, 11] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < LEAST[0] || (major === LEAST[0] && minor < LEAST[1])) {
  process.stderr.write(
    `xm: Node.js ${process.versions.node} is too old: ${LEAST.join('.')} or later is needed; install it from https://nodejs.org or with your version manager\n`,
  );
  process.exit(1);
}
const { prepareEngine } = await import('./prepare-engine.ts');
prepareEngine();
const words = process.argv.slice(2);
if (startsGuest(words)) (await import('../pcpu/pool.ts')).beginFirstPcpu();
const { main } = await import('./main.ts');
await main(words);

/** True when the words will most likely start a guest: all that hangs on it is time. */
function startsGuest([verb, ...rest]: readonly string[]): boolean {
  return (verb === 'run' || verb === 'boot') && !rest.includes('--help');
}
