import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { runXm, type Scratch } from '../../support/xm.ts';
import { ARENA, placeName } from './layout.ts';

/** The guests: 64-bit mode, and 32-bit protected mode. */
export type GuestName = 'long' | 'protected';

/** Path of a guest's image. */
export function imageOf(guest: GuestName): string {
  return join(import.meta.dirname, `${guest}.elf`);
}

const RESUME_FLAG = 0x10000n;

/**
 * Takes RF out of the saved flags: hardware sets it for faults, QEMU does not. Stacks of cases are aligned to 8 at least,
 * so the stack pointer tells whether there is an error code above RIP.
 */
function withoutResumeFlag(line: string, width: 4 | 8): string {
  const rsp = Number.parseInt(/^(?:.* )?0020:(\S+)/.exec(line)?.[1] ?? '', 16);
  if (Number.isNaN(rsp)) return line;
  const hasCode = width === 8 ? (rsp & 8) === 0 : (rsp & 4) === 0;
  const at = rsp - ARENA + (hasCode ? 3 : 2) * width;
  const bit = (at & 7) === 0 ? RESUME_FLAG : RESUME_FLAG << 32n;
  const key = (at & ~7).toString(16).padStart(4, '0');
  return line.replace(new RegExp(`(^| )${key}:(\\S+)`), (_, before: string, value: string) => `${before}${key}:${(BigInt(`0x${value}`) & ~bit).toString(16)}`);
}

/** Lines of a guest's output, one for each case. */
export function linesOf(guest: GuestName, output: string): string[] {
  return output
    .split('\n')
    .slice(0, -1)
    .map((line) => withoutResumeFlag(line.trim(), guest === 'long' ? 8 : 4));
}

/**
 * Runs a module in QEMU. The processor is Intel's: SYSENTER and SYSCALL differ between vendors.
 * @returns the lines of the cases; fewer than there are cases when one took the machine down
 */
export function runInQemu(guest: GuestName, module: Uint8Array, scratch: Scratch): string[] {
  const ramdisk = scratch.file(`${guest}.module`, module);
  const output = scratch.file(`${guest}.qemu`, '');
  const machine = ['-accel', 'tcg', '-cpu', 'max,vendor=GenuineIntel', '-m', '64', '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'];
  const devices = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-debugcon', `file:${output}`];
  try {
    execFileSync('qemu-system-x86_64', [...machine, ...devices, '-kernel', imageOf(guest), '-initrd', ramdisk], { timeout: 60_000, stdio: 'pipe' });
  } catch (error) {
    if ((error as { status?: number | null }).status !== 1 && (error as { code?: string }).code !== 'ETIMEDOUT') throw error;
  }
  return linesOf(guest, readFileSync(output, 'latin1'));
}

/** Where a guest's record is. */
export function recordPath(guest: GuestName): string {
  return join(import.meta.dirname, `${guest}.jsonl.gz`);
}

/** The recorded lines: name of the case, and what it changed. */
export function readRecord(guest: GuestName): [string, string][] {
  const text = gunzipSync(readFileSync(recordPath(guest))).toString('latin1');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as [string, string]);
}

/** Runs a module in `xm run`; returns the lines of the cases. */
export async function runInXm(guest: GuestName, module: Uint8Array, engine: string, scratch: Scratch): Promise<string[]> {
  const ramdisk = scratch.file(`${guest}-${engine}.module`, module);
  const output = scratch.file(`${guest}-${engine}.out`, '');
  const { exitCode, stderr } = await runXm([
    ...['run', '--kernel', imageOf(guest), '--ramdisk', ramdisk, '--memory', '64', '--engine', engine, '--timeout', '250'],
    ...['--plugin', `dev-debug-console,file=${output}`, '--plugin', 'dev-debug-exit'],
  ]);
  if (exitCode !== 1) throw new Error(`the guest ended with ${exitCode}: ${stderr}`);
  return linesOf(guest, readFileSync(output, 'latin1'));
}

/** A line with the places named, for people. */
export function describeLine(line: string): Record<string, string> {
  const words = line.split(' ').filter((word) => word !== '');
  return Object.fromEntries(words.map((word) => [placeName(ARENA + Number.parseInt(word, 16)), word.slice(word.indexOf(':') + 1)]));
}
