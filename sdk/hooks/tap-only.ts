/** A hook as plugins get it: they may tap it, and never fire it. */
export type TapOnly<H> = Omit<H, 'call' | 'callAsync' | 'promise' | 'taps' | 'interceptors' | 'intercept' | 'withOptions'>;

/** Hooks of an owner as plugins get them. */
export type TapOnlyHooks<H> = { readonly [K in keyof H]: TapOnly<H[K]> };
