import { beforeAll, describe, expect, it } from 'vitest';
import { endingOf } from '../../../../jit/analyze/control.ts';
import { decodeInstruction } from '../../../../jit/decode/decode-instruction.ts';
import type { DecodeMode } from '../../../../jit/decode/instruction.ts';
import { type InterpreterIndex, loadInterpreter } from '../../../../jit/interp/load-interpreter.ts';
import { Predecoder } from '../../../../jit/interp/predecode.ts';
import { RecordTemplates } from '../../../../jit/interp/record-templates.ts';
import * as L from '../../../../jit/state/vcpu-layout.ts';
import { Random } from '../../../differential/random.ts';

const COUNT = 60_000;
const MODES: readonly DecodeMode[] = [
  { code: 64, stack: 64 },
  { code: 32, stack: 32 },
  { code: 32, stack: 16 },
  { code: 16, stack: 16 },
];
const BY_DECODER = L.ARENA;
const BY_TEMPLATE = L.ARENA + 4 * L.REC_SIZE;

describe('record templates', () => {
  let index: InterpreterIndex;
  beforeAll(async () => {
    ({ index } = await loadInterpreter());
  });

  it.each(MODES.flatMap((mode) => [true, false].map((flat) => ({ ...mode, flat }))))(
    'write what the decoder writes, in $code-bit code with a $stack-bit stack, flat: $flat',
    ({ code, stack, flat }) => {
      const state = new ArrayBuffer(L.ARENA + 0x1000);
      const view = new DataView(state);
      const predecoder = new Predecoder(view, index);
      const templates = new RecordTemplates(state);
      const mode = { code, stack };
      const root = templates.root(mode, flat);
      const random = new Random(code + stack + (flat ? 1 : 0));
      const bytes = new Uint8Array(16);
      let found = 0;
      const writeSlowly = (offset: number, ordinal: number) => {
        const instruction = decodeInstruction(bytes, 0, mode);
        if (typeof instruction === 'string') return undefined;
        predecoder.write(BY_DECODER, instruction, offset, ordinal, flat);
        return instruction;
      };
      const record = (at: number): number[] => Array.from({ length: L.REC_ENTRY / 4 }, (_, i) => view.getInt32(at + 4 * i, true));
      for (let i = 0; i < COUNT; i++) {
        for (let at = 0; at < 16; at++) bytes[at] = random.below(256);
        if (code === 64 && random.below(2) === 0) bytes[0] = 0x48;
        const learned = writeSlowly(0, 0);
        if (learned === undefined) continue;
        templates.learn(root, bytes, 0, BY_DECODER, learned, endingOf(learned));
        const template = templates.find(root, bytes, 0);
        if (template === null) continue;
        found++;
        // the same beginning with another displacement and immediate, elsewhere in a block
        for (let at = learned.structure; at < 16; at++) bytes[at] = random.below(4) === 0 ? random.below(2) * 0xff : random.below(256);
        const offset = random.below(400);
        const ordinal = random.below(48);
        const instruction = writeSlowly(offset, ordinal);
        if (instruction === undefined) throw new Error(`${bytes} does not decode`);
        const relative = templates.write(template, bytes, 0, BY_TEMPLATE, offset, ordinal);
        if (Number.isNaN(relative)) continue;
        const what = Buffer.from(bytes).toString('hex');
        expect([what, template.length, template.ending, relative]).toEqual([what, instruction.length, endingOf(instruction), Number(instruction.relative)]);
        expect([what, ...record(BY_TEMPLATE)]).toEqual([what, ...record(BY_DECODER)]);
      }
      // 16-bit addresses have none
      if (code !== 16) expect(found).toBeGreaterThan(COUNT / 4);
    },
  );

  it('refuse a distance from RIP that the record has no place for', () => {
    const state = new ArrayBuffer(L.ARENA + 0x1000);
    const predecoder = new Predecoder(new DataView(state), index);
    const templates = new RecordTemplates(state);
    const mode: DecodeMode = { code: 64, stack: 64 };
    const root = templates.root(mode, true);
    const bytes = Uint8Array.from([0x48, 0x8b, 0x05, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const far = decodeInstruction(bytes, 0, mode);
    if (typeof far === 'string') throw new Error(far);
    predecoder.write(BY_DECODER, far, 0, 0, true);
    templates.learn(root, bytes, 0, BY_DECODER, far, 'end');
    expect(templates.find(root, bytes, 0)).toBeNull();
    bytes[6] = 0;
    const near = decodeInstruction(bytes, 0, mode);
    if (typeof near === 'string') throw new Error(near);
    predecoder.write(BY_DECODER, near, 0, 0, true);
    templates.learn(root, bytes, 0, BY_DECODER, near, 'end');
    const template = templates.find(root, bytes, 0);
    if (template === null) throw new Error('nothing was learnt');
    bytes[6] = 0x7f;
    expect(templates.write(template, bytes, 0, BY_TEMPLATE, 0, 0)).toBeNaN();
    bytes[6] = 0;
    expect(templates.write(template, bytes, 0, BY_TEMPLATE, 0, 0)).toBe(0);
  });

  it('stay within bounds, whatever a guest makes up', () => {
    const state = new ArrayBuffer(L.ARENA + 0x1000);
    const predecoder = new Predecoder(new DataView(state), index);
    const templates = new RecordTemplates(state);
    const mode: DecodeMode = { code: 64, stack: 64 };
    const root = templates.root(mode, true);
    const random = new Random(7);
    const prefixes = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67];
    let most = 0;
    for (let i = 0; i < 150_000; i++) {
      const length = random.below(12);
      const bytes = Uint8Array.from({ length: 16 }, (_, at) => (at < length ? random.pick(prefixes) : at === length ? 0x8b : random.below(256)));
      const instruction = decodeInstruction(bytes, 0, mode);
      if (typeof instruction === 'string') continue;
      predecoder.write(BY_DECODER, instruction, 0, 0, true);
      templates.learn(root, bytes, 0, BY_DECODER, instruction, 'end');
      most = Math.max(most, templates.size);
    }
    expect(most).toBeGreaterThan(32_000);
    expect(most).toBeLessThan(33_000);
    // and go on learning
    expect(templates.size).toBeGreaterThan(0);
  });
});
