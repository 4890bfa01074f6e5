/** Every floating-point routine of the microcode; see README.md for the list and the conventions. */
export * from './arctangent';
export * from './arithmetic';
export * from './compare';
export {
  mmx_emms, mmx_enter, mmx_read, mmx_write, x87_fdecstp, x87_ffree, x87_ffreep, x87_fincstp, x87_fldcw, x87_fnclex,
  x87_fninit, x87_fnop, x87_fnstcw, x87_fnstsw, x87_pending,
} from './control';
export * from './image';
export * from './load';
export * from './logarithm';
export * from './power';
export { x87_product, x87_quotient, x87_root } from './product';
export * from './remainder';
export { sse_set_mxcsr } from './mxcsr';
export * from './sse-packed';
export * from './sse-scalar';
export * from './store';
export { x87_sum } from './sum';
export * from './trigonometric';
