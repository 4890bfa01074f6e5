/** Writes a tar archive of regular files; a name over 100 bytes is given in GNU's way. */
export function writeTar(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const blocks = Object.entries(files).flatMap(([path, data]) => [
    ...(path.length > 100 ? member('././@LongLink', new TextEncoder().encode(`${path}\0`), 'L') : []),
    ...member(path.slice(0, 100), data, '0'),
  ]);
  return Buffer.concat([...blocks, new Uint8Array(1024)]);
}

function member(path: string, data: Uint8Array, type: string): Uint8Array[] {
  const header = new Uint8Array(512);
  const put = (offset: number, text: string): void => header.set(new TextEncoder().encode(text), offset);
  put(0, path);
  put(100, '0000644\0');
  put(124, `${data.length.toString(8).padStart(11, '0')}\0`);
  put(156, type);
  put(257, 'ustar  \0');
  return [header, data, new Uint8Array(-data.length & 511)];
}
