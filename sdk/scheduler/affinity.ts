/** The pCPUs that a vCPU may run on: bit N stands for pCPU N, as in Xen's cpumap. */
export type Affinity = bigint;

/** Number of pCPUs that an affinity can name. */
export const AFFINITY_BITS = 64;

/** Any pCPU. */
export const ANY_PCPU: Affinity = (1n << BigInt(AFFINITY_BITS)) - 1n;

/** The affinity for exactly these pCPUs. */
export function affinityOf(...pcpus: readonly number[]): Affinity {
  return pcpus.reduce((mask, pcpu) => mask | (1n << BigInt(pcpu)), 0n);
}

/** Whether an affinity has a pCPU in it. */
export function allowsPcpu(affinity: Affinity, pcpu: number): boolean {
  return ((affinity >> BigInt(pcpu)) & 1n) === 1n;
}

const PART = /^(\^?)(\d{1,2})(?:-(\d{1,2}))?$/;

/**
 * Reads an affinity as the manual writes it: `all`, or numbers and ranges of which a `^` takes some away, as in
 * `0-3,5,^1`. Undefined when it is not written so, or when no pCPU is left.
 */
export function parseAffinity(text: string): Affinity | undefined {
  if (text.trim() === 'all') return ANY_PCPU;
  let mask = 0n;
  for (const part of text.split(',')) {
    const [, minus, first, last = first] = PART.exec(part.trim()) ?? [];
    const from = Number(first);
    const to = Number(last);
    if (first === undefined || to < from || to >= AFFINITY_BITS) return undefined;
    for (let pcpu = from; pcpu <= to; pcpu++) mask = minus === '^' ? mask & ~(1n << BigInt(pcpu)) : mask | (1n << BigInt(pcpu));
  }
  return mask === 0n ? undefined : mask;
}

/** Writes an affinity as {@link parseAffinity} reads it. */
export function formatAffinity(affinity: Affinity): string {
  if ((affinity & ANY_PCPU) === ANY_PCPU) return 'all';
  const parts: string[] = [];
  for (let pcpu = 0; pcpu < AFFINITY_BITS; pcpu++) {
    if (!allowsPcpu(affinity, pcpu)) continue;
    const first = pcpu;
    while (pcpu + 1 < AFFINITY_BITS && allowsPcpu(affinity, pcpu + 1)) pcpu++;
    parts.push(first === pcpu ? `${first}` : `${first}-${pcpu}`);
  }
  return parts.join(',');
}
