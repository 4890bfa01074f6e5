/** A member of a cpio archive, as a reader sees it. */
export interface ReadMember {
  readonly path: string;
  readonly mode: number;
  readonly inode: number;
  readonly device: readonly [number, number];
  readonly data: Uint8Array;
}

/** Reads a `newc` archive: what is written must also be found by another's rules. */
export function readCpio(archive: Uint8Array): ReadMember[] {
  const members: ReadMember[] = [];
  for (let at = 0; ; ) {
    const ascii = new TextDecoder().decode(archive.subarray(at, at + 110));
    if (!ascii.startsWith('070701')) throw new Error(`no header at ${at}`);
    const field = (index: number): number => parseInt(ascii.slice(6 + index * 8, 14 + index * 8), 16);
    const path = new TextDecoder().decode(archive.subarray(at + 110, at + 110 + field(11) - 1));
    const body = (at + 110 + field(11) + 3) & ~3;
    if (path === 'TRAILER!!!') return members;
    const data = archive.slice(body, body + field(6));
    members.push({ path, mode: field(1), inode: field(0), device: [field(9), field(10)], data });
    at = (body + field(6) + 3) & ~3;
  }
}
