export { TABLE_FEATURES } from './isa/features.ts';
export { type RunResult, VcpuCore, type VcpuHost } from './vcpu/vcpu-core.ts';
export { type CompiledBatch, Translator, type TranslatorStats } from './tier/translator.ts';
export type { RegionRequest } from './region/region.ts';
export { type PackedRequests, packRequests, unpackRequests } from './region/request-codec.ts';
export { CodeCache } from './tier/code-cache.ts';
