/** What a file that is no kernel seems to be, and what to do about it. */
export interface ImageDescription {
  readonly seems: string;
  readonly hint: string;
}

interface Signature extends ImageDescription {
  readonly offset: number;
  readonly bytes: string;
}

const KERNEL_HINT = 'name a Linux bzImage, an ELF kernel with PVH or multiboot, or a ROM image';
const UNPACK = 'unpack it first; a Linux bzImage is compressed inside and needs no unpacking';
const DISK = 'a disk image is no kernel: take the kernel file out of it';

const SIGNATURES: readonly Signature[] = [
  { offset: 0, bytes: '\x1f\x8b', seems: 'gzip-compressed data', hint: UNPACK },
  { offset: 0, bytes: '\xfd7zXZ', seems: 'xz-compressed data', hint: UNPACK },
  { offset: 0, bytes: '\x28\xb5\x2f\xfd', seems: 'zstd-compressed data', hint: UNPACK },
  { offset: 0, bytes: 'BZh', seems: 'bzip2-compressed data', hint: UNPACK },
  { offset: 0, bytes: 'PK\x03\x04', seems: 'a zip archive', hint: UNPACK },
  {
    offset: 0,
    bytes: '0707',
    seems: 'a cpio archive, such as an initramfs',
    hint: 'give it as the ramdisk, and name a kernel too',
  },
  {
    offset: 0,
    bytes: '!<arch>',
    seems: 'an ar archive, such as a Debian package',
    hint: 'take the file boot/vmlinuz-* out of it',
  },
  { offset: 0, bytes: 'QFI\xfb', seems: 'a qcow2 disk image', hint: DISK },
  { offset: 0x8001, bytes: 'CD001', seems: 'a CD image', hint: DISK },
  {
    offset: 56,
    bytes: 'ARM\x64',
    seems: 'a Linux kernel for ARM',
    hint: 'name a kernel built for x86',
  },
  { offset: 0, bytes: 'MZ', seems: 'a PE file, such as an EFI program', hint: KERNEL_HINT },
  { offset: 0, bytes: '#!', seems: 'a script', hint: KERNEL_HINT },
  { offset: 510, bytes: '\x55\xaa', seems: 'a boot sector or a disk image', hint: DISK },
];

/** Guesses what a file is that no loader knows, by its first bytes. */
export function describeImage(bytes: Uint8Array): ImageDescription {
  if (bytes.length === 0) return { seems: 'an empty file', hint: KERNEL_HINT };
  const found = SIGNATURES.find((signature) => hasBytes(bytes, signature));
  if (found !== undefined) return found;
  return {
    seems: isText(bytes) ? 'a text file' : `unknown data of ${bytes.length} bytes`,
    hint: KERNEL_HINT,
  };
}

function hasBytes(bytes: Uint8Array, signature: Signature): boolean {
  return [...signature.bytes].every((char, index) => bytes[signature.offset + index] === char.charCodeAt(0));
}

function isText(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 512).every((byte) => byte >= 0x20 || byte === 9 || byte === 10 || byte === 13);
}
