export type * from './contract/bus-device.ts'
export * from './errors/hypervisor-error.ts'
export * from './errors/error-codes.ts'
