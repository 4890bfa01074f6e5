import { errorCodes } from './sdk/errors/error-codes.ts';

/** @type {import('typedoc').TypeDocOptions} */
export default {
  entryPoints: ['sdk/index.ts'],
  out: 'build/docs',
  name: 'Xylem SDK',
  readme: 'sdk/README.md',
  projectDocuments: ['sdk/docs/*.md', 'sdk/docs/guides/*.md', 'sdk/docs/decisions/*.md', 'sdk/docs/reference/*.md'],
  blockTags: ['@param', '@returns', '@throws', '@example', '@remarks', '@typeParam', '@kind', '@thread', '@fires', '@previous', '@next'],
  validation: { notExported: true, invalidLink: true, rewrittenLink: true, notDocumented: true },
  // each has its meaning as its value, and a page of its own
  intentionallyNotDocumented: Object.keys(errorCodes).map((code) => `index.errorCodes.__type.${code}`),
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
  excludeExternals: true,
  githubPages: false,
  skipErrorChecking: true,
  disableGit: true,
  sourceLinkTemplate: '../../{path}#L{line}',
  gitRevision: 'main',
};
