const HEADER = 36;
const OEM_ID = 'XYLEM';
const OEM_TABLE_ID = 'XYLEMPC';
const CREATOR_ID = 'XYLM';
const REVISION = 1;

/** What the header of a table says. */
export interface AcpiTableHead {
  readonly signature: string;
  readonly revision: number;
}

/** Writes the ASCII characters of `text` at `offset`. */
export function putText(bytes: Uint8Array, offset: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[offset + i] = text.charCodeAt(i);
}

/** The byte that makes the sum of `bytes` zero, when it is zero itself. */
export function checksum(bytes: Uint8Array): number {
  return -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
}

/** Builds a table: header, `body`, and the checksum over both. */
export function acpiTable(head: AcpiTableHead, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER + body.length);
  const view = new DataView(bytes.buffer);
  putText(bytes, 0, head.signature);
  view.setUint32(4, bytes.length, true);
  bytes[8] = head.revision;
  putText(bytes, 10, OEM_ID.padEnd(6));
  putText(bytes, 16, OEM_TABLE_ID.padEnd(8));
  view.setUint32(24, REVISION, true);
  putText(bytes, 28, CREATOR_ID);
  view.setUint32(32, REVISION, true);
  bytes.set(body, HEADER);
  bytes[9] = checksum(bytes);
  return bytes;
}
