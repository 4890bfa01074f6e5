import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The path of a program of the host, also of those for root; undefined when it is not installed. */
export function hostTool(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
