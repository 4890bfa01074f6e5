import { type Instruction as IcedInstruction, MemorySizeExt, Mnemonic, OpKind, Register } from 'iced-x86';
import type { Instruction } from '#jit-decode';
