import { debianFiles } from './debian-guest.ts';
import { stirDomains } from './stir-domains.ts';

/**
 * Pins, pauses, weighs, creates and destroys domains and changes schedulers at random, while the guests check themselves.
 *
 *     node --conditions=source tests/support/stir.ts [seconds] [pcpus] [seed]
 *
 * Exit code 1 when a guest found itself changed or did not go on.
 */
const [seconds = '600', pcpus = '2', seed = `${Date.now() & 0xffff}`] = process.argv.slice(2);
const debian = await debianFiles('amd64');
console.log(`seed ${seed}`);
const { done, complaints, debianRounds } = await stirDomains({
  seconds: Number(seconds),
  pcpus: Number(pcpus),
  seed: Number(seed),
  ...('missing' in debian ? {} : { debian }),
  log: (line) => console.log(line),
});
console.log(`${JSON.stringify(done)}; Debian's rounds: ${debianRounds}; ${complaints.length === 0 ? 'all is well' : complaints.join('\n')}`);
process.exitCode = complaints.length === 0 ? 0 : 1;
