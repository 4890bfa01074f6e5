export type * from './boot-state.ts';
export { loadKernel } from './load-kernel.ts';
