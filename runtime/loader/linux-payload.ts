import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { isElf } from './elf.ts';
import { isLz4Legacy, unpackLz4Legacy } from './unpack/lz4.ts';
import { isXz, unpackXz } from './unpack/xz.ts';

const PROTOCOL = 0x206;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const SINCE = 0x208;
/** Behind the packed data stands how many bytes it unpacks to. */
const SIZE_BYTES = 4;
const MOST = 1 << 28;

/**
 * Takes the ELF file out of a Linux bzImage, which the kernel would otherwise unpack itself in the guest.
 *
 * @returns undefined when there is none, it is damaged, or packed in a way that is not known
 */
export function unpackLinuxPayload(kernel: Uint8Array): Uint8Array | undefined {
  const view = new DataView(kernel.buffer, kernel.byteOffset, kernel.byteLength);
  if (kernel.length < PAYLOAD_LENGTH + 4 || view.getUint16(PROTOCOL, true) < SINCE) return undefined;
  const start = (view.getUint8(0x1f1) + 1) * 512 + view.getUint32(PAYLOAD_OFFSET, true);
  const length = view.getUint32(PAYLOAD_LENGTH, true);
  if (length <= SIZE_BYTES || start + length > kernel.length) return undefined;
  const size = view.getUint32(start + length - SIZE_BYTES, true);
  if (size > MOST) return undefined;
  try {
    const image = unpack(kernel.subarray(start, start + length), size);
    return image !== undefined && isElf(image) ? image : undefined;
  } catch {
    // Damaged: the kernel's own unpacker will say so where its user looks.
    return undefined;
  }
}

function unpack(payload: Uint8Array, size: number): Uint8Array | undefined {
  const packed = payload.subarray(0, payload.length - SIZE_BYTES);
  if (isLz4Legacy(packed)) return unpackLz4Legacy(packed, size);
  if (isXz(packed)) return unpackXz(packed, size);
  if (payload[0] === 0x1f && payload[1] === 0x8b) return gunzipSync(payload, { maxOutputLength: MOST });
  if (new DataView(packed.buffer, packed.byteOffset).getUint32(0, true) === 0xfd2fb528) return zstdDecompressSync(packed, { maxOutputLength: MOST });
  return isElf(payload) ? payload : undefined;
}
