import { errorDocs } from '../sdk/docs/generate/error-docs.ts';
import { hookDocs } from '../sdk/docs/generate/hook-docs.ts';
import { optionDocs } from '../runtime/control/generate/option-docs.ts';
import { instructionDocs } from '../jit/isa/generate/instruction-docs.ts';

/** Every generated file that is committed, by its path from the root, and what its text must be. */
export const generatedFiles: Readonly<Record<string, () => string>> = {
  'sdk/docs/reference/errors.md': errorDocs,
  'sdk/docs/reference/hooks.md': hookDocs,
  'sdk/docs/reference/instructions.md': instructionDocs,
  'sdk/docs/reference/options.md': optionDocs,
};
