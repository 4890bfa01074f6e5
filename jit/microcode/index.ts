/** Entry of the microcode module: every export is a routine that rows or the host may call. */
export * from "./system";
export * from "./extra";
export * from "./fp/index";
export * from "./simd/index";
