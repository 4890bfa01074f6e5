import { VCPU_RECORD_BYTES } from '#jit';
import { STATE_WORDS, StateWords } from '../machine/state-words.ts';

const BYTES = VCPU_RECORD_BYTES + STATE_WORDS * 8;

/** Shared memory for the vCPUs of a domain while they run nowhere. */
export function allocateRecords(vcpus: number): SharedArrayBuffer {
  return new SharedArrayBuffer(vcpus * BYTES);
}

/** Where the registers of a vCPU are there, and what is around it. */
export function recordOf(memory: SharedArrayBuffer, vcpu: number): { readonly record: Uint8Array; readonly words: StateWords } {
  const at = vcpu * BYTES;
  return { record: new Uint8Array(memory, at, VCPU_RECORD_BYTES), words: new StateWords(memory, at + VCPU_RECORD_BYTES) };
}
