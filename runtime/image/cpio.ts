/** A directory of the archive. */
export interface CpioDirectory {
  readonly kind: 'directory';
  readonly path: string;
  readonly mode?: number;
}

/** A regular file of the archive. */
export interface CpioFile {
  readonly kind: 'file';
  readonly path: string;
  readonly data: Uint8Array;
  readonly mode?: number;
}

/** A symbolic link of the archive. */
export interface CpioSymlink {
  readonly kind: 'symlink';
  readonly path: string;
  readonly target: string;
}

/** A device node of the archive. */
export interface CpioDevice {
  readonly kind: 'device';
  readonly path: string;
  readonly type: 'character' | 'block';
  readonly major: number;
  readonly minor: number;
  readonly mode?: number;
}

/** One member of a cpio archive. */
export type CpioEntry = CpioDirectory | CpioFile | CpioSymlink | CpioDevice;

const S_IFCHR = 0o020000;
const S_IFDIR = 0o040000;
const S_IFBLK = 0o060000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const HEADER_BYTES = 110;
/** GNU cpio pads an archive to this size; the kernel does not need it, other readers warn without it. */
const BLOCK_BYTES = 512;

const encoder = new TextEncoder();

interface Member {
  readonly mode: number;
  readonly name: Uint8Array;
  readonly body: Uint8Array;
  readonly links: number;
  readonly device: readonly [number, number];
}

/**
 * Writes an archive in cpio's `newc` format, as Linux unpacks for its initramfs.
 *
 * The output depends on the entries alone (owner root, time 0), so equal input gives equal bytes.
 * Directories must come before what they hold: the kernel does not make missing parents.
 *
 * @param entries - members in order; paths may start with a slash, which is dropped
 * @see Linux, Documentation/driver-api/early-userspace/buffer-format.rst
 */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const members = [...entries.map(toMember), trailer()];
  const used = members.reduce((sum, member) => sum + memberBytes(member), 0);
  const archive = new Uint8Array(align(used, BLOCK_BYTES));
  let offset = 0;
  members.forEach((member, index) => {
    archive.set(header(member, index), offset);
    archive.set(member.name, offset + HEADER_BYTES);
    const body = offset + align(HEADER_BYTES + member.name.length + 1, 4);
    archive.set(member.body, body);
    offset += memberBytes(member);
  });
  return archive;
}

function toMember(entry: CpioEntry): Member {
  const name = encoder.encode(entry.path.replace(/^\/+/, ''));
  const none = new Uint8Array(0);
  switch (entry.kind) {
    case 'directory':
      return { mode: S_IFDIR | (entry.mode ?? 0o755), name, body: none, links: 2, device: [0, 0] };
    case 'file':
      return {
        mode: S_IFREG | (entry.mode ?? 0o644),
        name,
        body: entry.data,
        links: 1,
        device: [0, 0],
      };
    case 'symlink':
      return {
        mode: S_IFLNK | 0o777,
        name,
        body: encoder.encode(entry.target),
        links: 1,
        device: [0, 0],
      };
    case 'device': {
      const type = entry.type === 'block' ? S_IFBLK : S_IFCHR;
      return {
        mode: type | (entry.mode ?? 0o600),
        name,
        body: none,
        links: 1,
        device: [entry.major, entry.minor],
      };
    }
  }
}

function trailer(): Member {
  return {
    mode: 0,
    name: encoder.encode('TRAILER!!!'),
    body: new Uint8Array(0),
    links: 1,
    device: [0, 0],
  };
}

function header(member: Member, inode: number): Uint8Array {
  const isTrailer = member.mode === 0;
  const fields = [
    isTrailer ? 0 : inode + 1,
    member.mode,
    0,
    0,
    member.links,
    0,
    member.body.length,
    0,
    0,
    member.device[0],
    member.device[1],
    member.name.length + 1,
    0,
  ];
  return encoder.encode(`070701${fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0')).join('')}`);
}

function memberBytes(member: Member): number {
  return align(HEADER_BYTES + member.name.length + 1, 4) + align(member.body.length, 4);
}

function align(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
