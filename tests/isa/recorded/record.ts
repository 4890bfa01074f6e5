import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { Scratch } from '../../support/xm.ts';
import { moduleOf } from './builder.ts';
import { GUESTS } from './guests.ts';
import { recordPath, runInQemu } from './run-guest.ts';

// usage: record.ts [long|protected]: runs the cases in QEMU and writes what came out
const IDT_BIT = 2n;
const FIRST_WITH_SELECTOR = 10;
const LAST_WITH_SELECTOR = 13;

/** QEMU takes 16 for the size of an entry when it names a vector in an error code of 64-bit mode; the manual takes 8. */
function correctErrorCode(line: string): string {
  const word = (key: string): bigint => BigInt(`0x${new RegExp(`(?:^| )${key}:(\\S+)`).exec(line)?.[1] ?? '0'}`);
  const vector = Number(word('0120'));
  const rsp = Number(word('0020'));
  // the frame is aligned to 16: without an error code it ends in 8
  if (vector < FIRST_WITH_SELECTOR || vector > LAST_WITH_SELECTOR || (rsp & 8) !== 0) return line;
  const key = (rsp & 0xffff).toString(16).padStart(4, '0');
  const code = word(key);
  if ((code & IDT_BIT) === 0n) return line;
  return line.replace(`${key}:${code.toString(16)}`, `${key}:${(((code & ~7n) >> 1n) | (code & 7n)).toString(16)}`);
}

const scratch = new Scratch();
try {
  for (const { name, cases, template } of GUESTS) {
    if (process.argv[2] !== undefined && process.argv[2] !== name) continue;
    const all = cases();
    const lines = runInQemu(name, moduleOf(template(), all), scratch);
    const last = all[lines.length];
    if (last !== undefined) throw new Error(`QEMU ended in "${last.name}"`);
    const text = all.map((c, i) => `${JSON.stringify([c.name, name === 'long' ? correctErrorCode(lines[i] as string) : lines[i]])}\n`).join('');
    writeFileSync(recordPath(name), gzipSync(text, { level: 9 }));
    console.log(`${name}: ${all.length} cases`);
  }
} finally {
  scratch.remove();
}
