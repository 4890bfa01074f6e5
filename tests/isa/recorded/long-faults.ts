import type { SystemCase } from './builder.ts';
import { CODE, DATA, PAGE_DIRECTORY, PAGE_TABLE, SPARE, STACK0, STACK3, TARGET } from './layout.ts';
import { longCase } from './long-template.ts';
import { RINGS } from './long-segments.ts';

const hex = (v: number | bigint): string => v.toString(16);

/** Division: dividend in rDX:rAX or AX, divisor in rBX or BL. */
function* divisions(): Generator<SystemCase> {
  const forms = [
    ['div 8', 'f6f3', 8],
    ['idiv 8', 'f6fb', 8],
    ['div 16', '66f7f3', 16],
    ['idiv 16', '66f7fb', 16],
    ['div 32', 'f7f3', 32],
    ['idiv 32', 'f7fb', 32],
    ['div 64', '48f7f3', 64],
    ['idiv 64', '48f7fb', 64],
  ] as const;
  // flags are undefined where a quotient comes out: only faults are cases
  for (const [name, code, width] of forms)
    for (const rbx of [0n, 1n, 2n, -1n, 0x80n, -128n])
      for (const [rax, rdx] of [
        [0n, 0n],
        [1n, 0n],
        [-1n, -1n],
        [0x7fffn, 1n],
        [1n << BigInt(width - 1), -1n],
        [0x8000n, 0x7fn],
        [0n, 1n],
      ] as const)
        yield* [
          longCase(`${name} of ${hex(BigInt.asUintN(64, rdx))} ${hex(BigInt.asUintN(64, rax))} by ${hex(BigInt.asUintN(64, rbx))}`, {
            code: `${code}31f6`,
            state: { rax: BigInt.asUintN(64, rax), rdx: BigInt.asUintN(64, rdx), rbx: BigInt.asUintN(64, rbx) },
          }),
        ];
}

/** Instructions that are not there, or not in this mode. */
const UNDEFINED = [
  '0f0b',
  '0fb9c0',
  '0fffc0',
  '06',
  '07',
  '0e',
  '16',
  '1e',
  '27',
  '2f',
  '60',
  '61',
  '62c0',
  '82c001',
  '9a0000000000',
  'ce',
  'd4',
  'd5',
  'd6',
  'ea000000000000',
  'c5',
  '8ec8',
  '8ef0',
  '8ef8',
  'f0 90',
  '0f01c8',
  'fec8',
  'ffff',
  'fff8',
  '0fa6c0',
  '0f04',
  '0f0a',
  '0f0c',
  '0f24c0',
  '0f2013',
  '0fc7c0',
  '0fae07',
  '8dc0',
  '0f0103',
  '0fb2c0',
  'c4c0',
  'ff d8',
  'ff e8',
  '0f00f0',
  '0f00f8',
  '0fc5c0',
];

function* undefinedOpcodes(): Generator<SystemCase> {
  for (const code of UNDEFINED)
    for (const bits of [64, 32] as const) {
      // valid in this mode, so not deterministic at the end of a page or of another case
      if (bits === 32 && /^(c5|c4c0|0e|ea|9a|06|07|16|1e|d6|0fae07)/.test(code)) continue;
      if (/^(c5|c4c0|0fae07|d6|0fc5c0|0f0103|62c0|0f01c8|82|0f00f|0f2013|0f24|0fff)/.test(code)) continue;
      yield longCase(`undefined ${code} ${bits}-bit code`, { code, bits, ring: 3, state: { rbx: DATA, rdi: DATA } });
    }
}

/** CR0.TS, EM and MP against x87, MMX and SSE. */
function* deviceNotAvailable(): Generator<SystemCase> {
  const forms = [
    ['fld1', 'd9e8'],
    ['wait', '9b'],
    ['fnstsw', 'dfe0'],
    ['fnclex', 'dbe2'],
    ['paddb mm', '0ffcc1'],
    ['paddb xmm', '660ffcc1'],
    ['movups', '0f10c1'],
    ['ldmxcsr', '0fae13'],
    ['fxsave', '0fae03'],
    ['crc32', 'f20f38f1c1'],
    ['prefetch', '0f180b'],
    ['sfence', '0faef8'],
    ['movnti', '0fc303'],
    ['pause', 'f390'],
  ] as const;
  for (const [name, code] of forms)
    for (let bits = 0; bits < 8; bits++)
      for (const cr4 of [0x620, 0x420]) {
        if (name === 'fxsave') continue;
        // EM and TS together: QEMU raises #NM where the manual says #UD
        if (/mm|movups/.test(name) && bits >= 6) continue;
        yield longCase(`device ${name} TS ${bits >> 2} EM ${(bits >> 1) & 1} MP ${bits & 1} cr4 ${hex(cr4)}`, {
          code,
          ring: 3,
          state: { cr0: 0x80010031 + (bits >> 2) * 8 + ((bits >> 1) & 1) * 4 + (bits & 1) * 2, cr4 },
          memory: { [DATA + 0x80]: 0x1f80n },
        });
      }
  for (const [name, code] of [
    ['invalid', '9bd97d00d92b d9eed9eedef99bcc'],
    ['zero divide', 'd92b d9e8d9eedef9 9b'],
  ] as const)
    for (const cr0 of [0x80010033])
      if (name !== 'invalid') yield longCase(`x87 ${name} cr0 ${hex(cr0)}`, { code, ring: 3, state: { cr0 }, memory: { [DATA + 0x80]: 0x0300n } });
}

const ACCESS = [
  ['read', '8b03'],
  ['write', '8903'],
  ['execute', 'ffe3'],
  ['push', 'ff33'],
  ['read byte', '8a03'],
  ['write 16', '0f1103'],
] as const;

/** Page faults by every combination of attributes; without reserved bits, for which
 * QEMU says P = 0, and without read-modify-write, where QEMU reads first and faults as for a read.
 */
function* pageFaults(): Generator<SystemCase> {
  const entry = PAGE_TABLE + 0xd * 8;
  for (const [access, code] of ACCESS)
    for (const ring of RINGS)
      for (const [control, state] of [
        ['', {}],
        ['WP off', { cr0: 0x80000033 }],
        ['SMEP', { cr4: 0x100620 }],
        ['SMAP', { cr4: 0x200620 }],
        ['SMAP AC', { cr4: 0x200620, rflags: 0x40002 }],
        ['NXE off', { efer: 0x501 }],
      ] as const)
        for (const attributes of [
          0x67n,
          0x63n,
          0x65n,
          0x61n,
          0x66n,
          0x60n,
          0x07n,
          0x03n,
          0x05n,
          0x01n,
          (1n << 63n) | 0x67n,
          (1n << 63n) | 0x63n,
          (1n << 63n) | 0x66n,
          0xe7n,
          0x167n,
        ]) {
          // the case's own code lies in a user page
          if (control === 'SMEP' && ring === 0) continue;
          if (control === 'NXE off' && attributes >> 63n === 1n) continue;
          yield longCase(`page ${access} ring ${ring} ${control} entry ${hex(attributes)}`, {
            code,
            ring,
            state: { ...state, rbx: SPARE, rax: 0 },
            memory: { [entry]: BigInt(SPARE) | attributes },
          });
        }
  for (const [access, code] of ACCESS)
    for (const ring of RINGS)
      for (const rbx of [
        0x40fffen,
        0x40dffen,
        0x500000n,
        0x100000n,
        0x10000000n,
        0x8000000000n,
        0x7ffffffff000n,
        0xffffffff80000000n,
        0x0000800000000000n,
        0x8000000000000000n,
      ])
        if (!/execute/.test(access))
          yield longCase(`address ${access} ring ${ring} ${hex(rbx)}`, {
            code,
            ring,
            state: { rbx },
            memory: { [PAGE_TABLE + 0xe * 8]: 0n, [PAGE_TABLE + 0xf * 8]: BigInt(0x40f000) | 0x67n },
          });
}

/** Large pages, stacks and strings at the end of what is mapped. */
function* otherPages(): Generator<SystemCase> {
  for (const attributes of [0x65n, 0x63n, 0x67n, 0x66n, 0x60n])
    for (const [access, code] of ACCESS.slice(0, 3))
      for (const ring of RINGS)
        yield longCase(`large page ${access} ring ${ring} directory entry ${hex(attributes)}`, {
          code,
          ring,
          state: { rbx: 0xc0d010, rax: 0 },
          memory: { [PAGE_DIRECTORY.long + 6 * 8]: 0x400080n | attributes },
        });
  for (const [access, code] of ACCESS.slice(0, 3))
    yield longCase(`large page ${access} with NX`, {
      code,
      state: { rbx: 0xc0d010, rax: 0 },
      memory: { [PAGE_DIRECTORY.long + 6 * 8]: 0x4000e7n | (1n << 63n) },
    });
  for (const [name, code] of [
    ['push', '50'],
    ['pop', '58'],
    ['call', 'e800010000'],
    ['ret', 'c3'],
    ['enter', 'c8100000'],
    ['leave', 'c9'],
    ['pushf', '9c'],
    ['push memory', 'ff33'],
    ['pop memory', '8f03'],
  ] as const)
    for (const rsp of [0x40f004n, 0x40f000n, 0x40eff8n, 0x410000n])
      yield longCase(`stack ${name} rsp ${hex(rsp)}`, {
        code,
        ring: 3,
        state: { rsp, rbp: rsp },
        memory: { [PAGE_TABLE + 0xe * 8]: 0n, [PAGE_TABLE + 0xf * 8]: BigInt(0x40f000) | 0x67n, [0x40f000]: BigInt(TARGET) },
      });
  for (const [name, code] of [
    ['movsb', 'f3a4'],
    ['movsq', 'f348a5'],
    ['stosb', 'f3aa'],
    ['stosd', 'f3ab'],
    ['lodsb', 'f3ac'],
    ['scasb', 'f2ae'],
    ['cmpsb', 'f3a6'],
  ] as const)
    for (const rdi of [0x40dff0n, 0x40dffdn, 0x40d000n])
      if (!/scas|cmps/.test(name))
        yield longCase(`string ${name} rdi ${hex(rdi)}`, {
          code,
          ring: 3,
          state: { rdi, rsi: rdi - 0x2000n, rcx: 0x20, rax: 0x55 },
          memory: { [PAGE_TABLE + 0xe * 8]: 0n },
        });
}

/** Single steps. */
function* steps(): Generator<SystemCase> {
  const forms = [
    ['nop', '90'],
    ['ud2', '0f0b'],
    ['pushf', '9c'],
    ['popf', '9d'],
    ['jmp', 'eb10'],
    ['call', 'e810000000'],
    ['rep movsb', 'f3a4'],
    ['div', 'f7f6'],
    ['cpuid free', '0f1f00'],
    ['two nops', '9090'],
  ] as const;
  for (const [name, code] of forms)
    for (const ring of RINGS) {
      const rsp = (ring === 0 ? STACK0 : STACK3) - 64;
      yield longCase(`step ${name} ring ${ring}`, {
        code,
        ring,
        state: { rflags: 0x102, rsi: DATA, rdi: DATA + 0x100, rcx: 3, rsp, rax: 0x10, rdx: 0 },
        memory: { [rsp]: 0x102n },
      });
      if (name === 'popf') yield longCase(`step ${name} ring ${ring} that sets TF`, { code: '9d9090', ring, state: { rsp }, memory: { [rsp]: 0x102n } });
    }
  yield longCase('step after an old MOV SS', {
    code: '8ed0 90 90 9c 81042400010000 9d 90 90',
    state: { rax: 0x10 },
  });
}

/** Breakpoints on data, with every length and kind, and on execution. */
function* breakpoints(): Generator<SystemCase> {
  const at = (n: number, kind: number, length: number): number => 0x400 | (2 << (n * 2)) | (kind << (16 + n * 4)) | (length << (18 + n * 4));
  for (let n = 0; n < 4; n++)
    for (const ring of RINGS) {
      for (const [length, bytes] of [
        [0, 1],
        [1, 2],
        [3, 4],
        [2, 8],
      ] as const)
        for (const kind of [1, 3])
          for (const offset of [0, 1, 2, 4, 7])
            for (const [access, code] of [
              ['read', '8b03'],
              ['write byte', '8803'],
              ['write', '488903'],
            ] as const) {
              // QEMU widens a store that is not aligned, and finds the bytes before it
              if (offset >= bytes) continue;
              if ((n > 1 || ring === 0) && (offset !== 0 || access === 'write byte')) continue;
              yield longCase(`breakpoint ${n} ring ${ring} kind ${kind} of ${bytes} ${access} at ${offset}`, {
                code: `${code}90`,
                ring,
                state: { [`dr${n}`]: DATA + 0x80, dr7: at(n, kind, length), rbx: DATA + 0x80 + offset },
              });
            }
      yield longCase(`breakpoint ${n} ring ${ring} on execution`, { code: '909090', ring, state: { [`dr${n}`]: CODE + 1, dr7: at(n, 0, 0) } });
      yield longCase(`breakpoint ${n} ring ${ring} on execution with RF`, {
        code: '909090',
        ring,
        state: { [`dr${n}`]: CODE, dr7: at(n, 0, 0), rflags: 0x10002 },
      });
      yield longCase(`breakpoint ${n} ring ${ring} off`, { code: '909090', ring, state: { [`dr${n}`]: CODE + 1, dr7: 0x400 } });
    }
}

/** Faults: division, opcodes, devices, pages, debugging. */
export function* faultCases(): Generator<SystemCase> {
  yield* divisions();
  yield* undefinedOpcodes();
  yield* deviceNotAvailable();
  yield* pageFaults();
  yield* otherPages();
  yield* steps();
  yield* breakpoints();
}
