import type { Machine } from '../../ir/machine.ts';
import type { Row } from '../dsl/row.ts';
import { immediate32, row, type VectorOperation, xmm0, xmmBinary, xmmOnly } from './sse-operand.ts';

/** A routine of the microcode on two vectors. */
const routine = (name: string): VectorOperation => (m, a, b) => m.call(name, 'v128', 128, a, b);
/** The same with an immediate. */
const withImmediate = (name: string, mask: number): VectorOperation => (m, a, b) => m.call(name, 'v128', 128, a, b, m.and(immediate32(m, 2), m.i32(mask)));

/** SHA instructions, unlike the others, report a page fault before a misaligned operand (recorded hardware). */
const sha = (op: VectorOperation) => (m: Machine): void => {
  m.need('sse');
  const b = m.read(1, 128);
  if (m.isMemory(1)) m.requireAligned(m.address(1));
  m.write(0, op(m, m.read(0), b));
};
const shaRow = (mnemonic: string, byte: string, op: VectorOperation): Row => row(mnemonic, `NP 0F 38 ${byte} /r`, 'x,xm128', sha(op), { feature: 'sha' });

/** AES, carry-less multiplication and SHA. */
export const crypto: readonly Row[] = [
  shaRow('SHA1NEXTE', 'C8', routine('simd_sha1nexte')),
  shaRow('SHA1MSG1', 'C9', routine('simd_sha1msg1')),
  shaRow('SHA1MSG2', 'CA', routine('simd_sha1msg2')),
  shaRow('SHA256RNDS2', 'CB', (m, a, b) => m.call('simd_sha256rnds2', 'v128', 128, a, b, m.readRegister(xmm0, 128))),
  shaRow('SHA256MSG1', 'CC', routine('simd_sha256msg1')),
  shaRow('SHA256MSG2', 'CD', routine('simd_sha256msg2')),
  xmmOnly('AESIMC', '66 0F 38 DB /r', (m, _a, b) => m.call('simd_aesimc', 'v128', 128, b), 'aes'),
  xmmOnly('AESENC', '66 0F 38 DC /r', routine('simd_aesenc'), 'aes'),
  xmmOnly('AESENCLAST', '66 0F 38 DD /r', routine('simd_aesenclast'), 'aes'),
  xmmOnly('AESDEC', '66 0F 38 DE /r', routine('simd_aesdec'), 'aes'),
  xmmOnly('AESDECLAST', '66 0F 38 DF /r', routine('simd_aesdeclast'), 'aes'),
  row('SHA1RNDS4', 'NP 0F 3A CC /r', 'x,xm128,imm8', sha(withImmediate('simd_sha1rnds4', 3)), { feature: 'sha' }),
  row('PCLMULQDQ', '66 0F 3A 44 /r', 'x,xm128,imm8', xmmBinary(withImmediate('simd_pclmul', 0x11)), { feature: 'pclmul' }),
  row('AESKEYGENASSIST', '66 0F 3A DF /r', 'x,xm128,imm8', xmmBinary((m, _a, b) => m.call('simd_aeskeygen', 'v128', 128, b, immediate32(m, 2))), { feature: 'aes' }),
];
