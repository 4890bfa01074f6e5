import { beforeAll, describe, expect, it } from 'vitest';
import { type LoadedInterpreter, loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import { CODE_MAP, CODE_OWNERS } from '../../jit/state/board-layout.ts';
import { createBoard } from '../../jit/vcpu/board.ts';
import { CODE, longModeCore, putHex, sharedRam, startLongMode } from '../support/long-mode-core.ts';
import { runShared } from '../support/shared-cores.ts';

const RCX = 1;
const RSI = 6;
/** A page of functions that return a number: one for each vCPU, 256 bytes apart. */
const FUNCTIONS = 0x12003;

/** RCX rounds: write the round's number into the own function, call the next vCPU's until it has got as far, write data beside them. */
const CROSS =
  '4189f841c1e0084181c00420010067448d4f014139f172034531c941c1e1084181c10320010089fbc1e30681c30028010041ba0100000045891041ffd14439d07cf844891341ffc24139ca7eeaf4';
/** vCPU 0 writes a function into one of 16 pages and raises a flag; vCPU 1 waits for it, does CPUID and calls: #UD when it is an old one. */
const HANDOFF = `4189cc41ba0100000085ff75344489d083e00fc1e00c0500004000c600b844895001c64005c34489142500000200443914254000020075f641ffc24539e27ecdf4443914250000020075f631c00fa24489d083e00fc1e00c0500004000ffd04439d07511448914254000020041ffc24539e27ecdf40f0b`;

describe.each([
  ['the interpreter', null, 1],
  ['the translator', 3, 1],
] as const)('code that another vCPU writes, in %s', (_name, hotLimit, more) => {
  it.each([2, 3])('is executed as it was written, beside data and other code: %i vCPUs', async (count) => {
    const rounds = 400 * more;
    const registers = { [RCX]: BigInt(rounds), [RSI]: BigInt(count) };
    const { ram, reports } = await runShared({
      code: CROSS,
      hotLimit,
      vcpus: Array.from({ length: count }, () => ({ registers })),
      prepare: (view) => {
        for (let i = 0; i < count; i++) {
          view.setUint8(FUNCTIONS + i * 256, 0xb8);
          view.setUint8(FUNCTIONS + i * 256 + 5, 0xc3);
        }
      },
    });
    expect(reports.map((r) => r.end)).toEqual(reports.map(() => 'halt'));
    for (let i = 0; i < count; i++) expect(ram.getUint32(0x12800 + i * 64, true)).toBe(rounds);
  });

  it('is new behind a serialising instruction', async () => {
    const { reports } = await runShared({ code: HANDOFF, hotLimit, vcpus: [0, 1].map(() => ({ registers: { [RCX]: 600n * BigInt(more) } })) });
    expect(reports.map((r) => r.end)).toEqual(['halt', 'halt']);
  });
});

describe('the board', () => {
  let interpreter: LoadedInterpreter;
  beforeAll(async () => {
    interpreter = await loadInterpreter();
  });
  const machine = (count: number) => {
    const ram = sharedRam();
    const board = createBoard(count);
    const cores = Array.from({ length: count }, (_, core) => longModeCore({ ...interpreter, ram, place: { board, core } }));
    const words = new DataView(board.shared.buffer);
    const page = CODE >>> 12;
    return { ram, cores, owners: () => words.getUint32(CODE_OWNERS + page * 4, true), map: () => words.getBigUint64(CODE_MAP + page * 8, true) };
  };
  const run = (core: ReturnType<typeof longModeCore>): string => {
    startLongMode(core);
    return core.run(100_000);
  };

  it('has a core that did not run learn of stores before it runs again', () => {
    const { ram, cores } = machine(2);
    const [a, b] = cores as [ReturnType<typeof longModeCore>, ReturnType<typeof longModeCore>];
    putHex(ram, CODE, 'b8 01 00 00 00 f4'); // mov eax, 1; hlt
    expect([run(a), a.gpr(0)]).toEqual(['halt', 1n]);
    expect([run(b), b.gpr(0)]).toEqual(['halt', 1n]);
    putHex(ram, 0x14000, 'c6 04 25 01 00 01 00 02 f4'); // mov byte [CODE + 1], 2; hlt
    startLongMode(b, 0x14000);
    expect(b.run(1000)).toBe('halt');
    expect([run(a), a.gpr(0)]).toEqual(['halt', 2n]);
    expect([run(b), b.gpr(0)]).toEqual(['halt', 2n]);
  });

  it('forgets pages whose code was written over, so that stores there are fast again', () => {
    const { ram, cores, owners, map } = machine(2);
    const [a, b] = cores as [ReturnType<typeof longModeCore>, ReturnType<typeof longModeCore>];
    putHex(ram, CODE, 'f4');
    run(a);
    run(b);
    expect([owners(), map()]).toEqual([3, 1n]);
    a.wrote(CODE, 4096);
    expect([owners(), map()]).toEqual([2, 1n]);
    b.link.begin();
    b.link.end();
    expect([owners(), map()]).toEqual([0, 0n]);
  });

  it('survives more stores into code than it can list', () => {
    const { ram, cores, owners } = machine(2);
    const [a, b] = cores as [ReturnType<typeof longModeCore>, ReturnType<typeof longModeCore>];
    putHex(ram, CODE, 'b8 01 00 00 00 f4');
    run(a);
    for (let i = 0; i < 200; i++) b.wrote(CODE + 1, 1);
    putHex(ram, CODE, 'b8 07 00 00 00 f4');
    // it will forget all that it has: stores are not slow for its sake any more
    expect(owners()).toBe(0);
    expect([run(a), a.gpr(0)]).toEqual(['halt', 7n]);
    expect(owners()).toBe(1);
  });

  it('forgets a core whose thread has died', () => {
    const { ram, cores, owners, map } = machine(2);
    const [a, b] = cores as [ReturnType<typeof longModeCore>, ReturnType<typeof longModeCore>];
    putHex(ram, CODE, 'f4');
    run(a);
    a.link.begin();
    b.link.board.stopped(0);
    expect([owners(), map()]).toEqual([0, 0n]);
    // nobody waits for it
    expect(run(b)).toBe('halt');
  });
});
