export { TABLE_FEATURES } from './isa/features.ts';
export { type RunResult, type CorePlace, VcpuCore, type VcpuHost } from './vcpu/vcpu-core.ts';
export { Board, type BoardMemory, type BoardView, createBoard, type SharedBytes, viewOfBoard } from './vcpu/board.ts';
export { VCPU_RECORD_BYTES } from './vcpu/vcpu-record.ts';
export { type CompiledBatch, Translator, type TranslatorStats } from './tier/translator.ts';
export type { RegionRequest } from './region/region.ts';
export { type PackedRequests, packRequests, unpackRequests } from './region/request-codec.ts';
export { CodeCache } from './tier/code-cache.ts';
