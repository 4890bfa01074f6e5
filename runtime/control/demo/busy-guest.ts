const BASE = 0x100000;
const HEADER = 52;
const PROGRAM = 32;
const PT_LOAD = 1;
const PT_NOTE = 4;
const XEN_ELFNOTE_PHYS32_ENTRY = 18;
/** INC EAX; JMP to it. */
const CODE = [0x40, 0xeb, 0xfd] as const;

/** The smallest domain that computes for ever: an ELF file with a PVH note. */
export function busyGuest(): Uint8Array {
  const note = [4, 4, XEN_ELFNOTE_PHYS32_ENTRY, 0x006e_6558, BASE];
  const noteAt = HEADER + 2 * PROGRAM;
  const codeAt = noteAt + note.length * 4;
  const file = new Uint8Array(codeAt + CODE.length);
  const view = new DataView(file.buffer);
  const words = (at: number, ...values: readonly number[]): void => values.forEach((value, i) => view.setUint32(at + i * 4, value, true));
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  // Executable for the 386, two program headers behind this one.
  words(16, 0x0003_0002, 1, BASE, HEADER, 0, 0, 0x0020_0034, 2);
  words(HEADER, PT_LOAD, codeAt, BASE, BASE, CODE.length, CODE.length, 7, 1);
  words(HEADER + PROGRAM, PT_NOTE, noteAt, 0, 0, note.length * 4, note.length * 4, 4, 4);
  words(noteAt, ...note);
  file.set(CODE, codeAt);
  return file;
}
