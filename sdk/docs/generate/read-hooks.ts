import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The tags that every hook carries, in their order. */
export const HOOK_TAGS = ['kind', 'thread', 'fires', 'previous', 'next'] as const;

/** One of the five tags. */
export type HookTag = (typeof HOOK_TAGS)[number];

/** A declared hook with its documentation. */
export interface HookDeclaration {
  /** Interface that declares it: `HypervisorHooks`. */
  readonly owner: string;
  readonly name: string;
  /** Type of the hook: `AsyncSeriesHook<[Shutdown]>`. */
  readonly type: string;
  readonly summary: string;
  readonly tags: Readonly<Partial<Record<HookTag, string>>>;
}

const OWNER = /export interface (\w+Hooks) \{([\s\S]*?)\n\}/g;
const MEMBER = /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?readonly (\w+): ([^;]+);/g;

/** Text of a comment without its stars, links reduced to what they name. */
const plain = (comment: string): string => comment.replace(/^\s*\* ?/gm, '').replace(/\{@link ([^}]+)\}/g, '`$1`');

/** Splits a comment into its summary and its block tags. */
function readComment(comment: string): Pick<HookDeclaration, 'summary' | 'tags'> {
  const [summary = '', ...blocks] = plain(comment).split(/^@/m);
  const tags: Partial<Record<HookTag, string>> = {};
  for (const block of blocks) {
    const [word = '', ...rest] = block.trim().split(/\s+/);
    const tag = HOOK_TAGS.find((known) => known === word);
    if (tag !== undefined) tags[tag] = rest.join(' ');
  }
  return { summary: summary.trim().replace(/\s+/g, ' '), tags };
}

/** Reads every hook that the files of `sdk/hooks` declare. */
export function readHooks(folder: string = join(import.meta.dirname, '../../hooks')): HookDeclaration[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('-hooks.ts'));
  return files.sort().flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    return [...text.matchAll(OWNER)].flatMap(([, owner = '', body = '']) =>
      [...body.matchAll(MEMBER)].map(([, comment = '', name = '', type = '']) => ({ owner, name, type: type.replace(/\s+/g, ' '), ...readComment(comment) })),
    );
  });
}
