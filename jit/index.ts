export { TABLE_FEATURES } from './isa/features.ts';
export { type RunResult, VcpuCore, type VcpuHost } from './vcpu/vcpu-core.ts';
export { type CompiledBatch, Translator, type TranslatorStats } from './tier/translator.ts';
