export type * from './boot-state.ts';
export { loadKernel, loadPvhKernel } from './load-kernel.ts';
export { isBzImage } from './bzimage.ts';
export { unpackLinuxPayload } from './linux-payload.ts';
