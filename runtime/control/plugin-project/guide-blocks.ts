/** The files that a guide writes: code blocks whose first line names one, as in "ts index.ts", by that name. */
export function guideBlocks(guide: string): Readonly<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const [, indent = '', name = '', body = ''] of guide.matchAll(/^( *)```ts (\S+)\n([\s\S]*?)^\1```$/gm)) {
    const text = body
      .split('\n')
      .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
      .join('\n');
    files[name] = (files[name] ?? '') + text;
  }
  return files;
}
