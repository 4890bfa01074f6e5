import { debianFiles } from './debian-guest.ts';
import { stressNg } from './debian-programs.ts';
import { KERNEL_COMPLAINT, runStress } from './stress-guest.ts';

/**
 * stress-ng in Debian amd64 on several vCPUs: prints what the guest says. Exit code 1 when its kernel complains or stress-ng finds a fault.
 *
 *     node --conditions=source tests/support/stress.ts [vcpus] [seconds]
 */
const [vcpus = '2', seconds = '300'] = process.argv.slice(2);
const files = await debianFiles('amd64');
const programs = await stressNg();
if ('missing' in files) throw new Error(files.missing);
if ('missing' in programs) throw new Error(programs.missing);
const output = await runStress({ ...files, programs, vcpus: Number(vcpus), seconds: Number(seconds), onOutput: (text) => process.stdout.write(text) });
const complaints = output.split('\n').filter((line) => KERNEL_COMPLAINT.test(line));
console.log(complaints.length === 0 ? 'the kernel had no complaint' : `the kernel complained:\n${complaints.join('\n')}`);
process.exitCode = complaints.length === 0 && /^status 0$/m.test(output) ? 0 : 1;
