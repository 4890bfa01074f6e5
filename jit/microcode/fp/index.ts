/** Every floating-point routine of the microcode; see README.md for the list and the conventions. */
export * from './arithmetic-memory';
export {
  x87_fadd, x87_faddp, x87_fdiv, x87_fdivp, x87_fdivr, x87_fdivrp, x87_fmul, x87_fmulp, x87_fsqrt, x87_fsub, x87_fsubp,
  x87_fsubr, x87_fsubrp,
} from './arithmetic';
export * from './compare';
export * from './constant';
export {
  mmx_emms, mmx_enter, mmx_read, mmx_write, x87_fdecstp, x87_ffree, x87_ffreep, x87_fincstp, x87_fldcw, x87_fnclex,
  x87_fninit, x87_fnop, x87_fnstcw, x87_fnstsw, x87_pending,
} from './control';
export * from './load';
export * from './store';
export * from './remainder';
export * from './scale';
export * from './image';
export { sse_set_mxcsr } from './mxcsr';
export * from './sse-packed';
export * from './sse-scalar';
export * from './arctangent';
export * from './exponential';
export * from './trigonometric';
