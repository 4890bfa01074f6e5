/** SIMD routines too big for an instruction row; operands and results are v128 values. */
export * from './aes';
export * from './carryless';
export * from './float';
export * from './sha';
export * from './string-compare';
export * from './word';
