/** 32 random bits per call: the host's, or for runs that must repeat the same numbers each time. */
export function randomSource(real: boolean): () => number {
  let seed = 0x2545f491;
  return () => {
    if (real) return (Math.random() * 0x100000000) | 0;
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return seed;
  };
}
