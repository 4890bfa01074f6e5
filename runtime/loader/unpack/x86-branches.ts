const CALL = 0xe8;
const JUMP = 0xe9;
const INSTRUCTION = 5;
/** Which patterns of look-alike opcodes in the last bytes rule a conversion out, and which byte then decides. */
const ALLOWED = [true, true, true, false, true, false, false, false] as const;
const SHIFT = [0, 1, 2, 2, 3, 3, 3, 3] as const;

const isSign = (byte: number): boolean => byte === 0 || byte === 0xff;

/**
 * Undoes, in place, what XZ's filter for x86 code does: targets of CALL and JMP, which it made absolute so that equal
 * ones look alike, become relative again.
 */
export function restoreX86Branches(code: Uint8Array): void {
  let mask = 0;
  let last = -1;
  for (let at = 0; at + INSTRUCTION <= code.length; at++) {
    const opcode = code[at] ?? 0;
    if (opcode !== CALL && opcode !== JUMP) continue;
    const distance = at - last;
    last = at;
    mask = distance > 3 ? 0 : (mask << (distance - 1)) & 7;
    if (isRuledOut(code, at, mask) || !isSign(code[at + 4] ?? 0)) {
      mask = ((mask << 1) | 1) & 7;
      continue;
    }
    convert(code, at, mask);
    at += INSTRUCTION - 1;
    last = at;
    mask = 0;
  }
}

/** Whether the look-alikes before an opcode make it no instruction that the filter took. */
function isRuledOut(code: Uint8Array, at: number, mask: number): boolean {
  return mask !== 0 && (!ALLOWED[mask] || isSign(code[at + 4 - (SHIFT[mask] ?? 0)] ?? 0));
}

function convert(code: Uint8Array, at: number, mask: number): void {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  let source = view.getUint32(at + 1, true);
  let target: number;
  for (;;) {
    target = (source - (at + INSTRUCTION)) >>> 0;
    if (mask === 0) break;
    const index = (SHIFT[mask] ?? 0) * 8;
    if (!isSign((target >>> (24 - index)) & 0xff)) break;
    source = (target ^ (2 ** (32 - index) - 1)) >>> 0;
  }
  target &= 0x01ff_ffff;
  view.setUint32(at + 1, ((target & 0x0100_0000) !== 0 ? target | 0xff00_0000 : target & 0x00ff_ffff) >>> 0, true);
}
