import { type CreditDomain, type CreditVcpu, PRIORITY_OVER, PRIORITY_UNDER } from './run-queue.ts';

/** What a vCPU may save up that waits for others, in slices. */
const SAVINGS_LIMIT_SLICES = 2;

/** What accounting did with a vCPU. */
export interface AccountingResult {
  /** Those whose domain has come over its cap. */
  readonly parked: readonly CreditVcpu[];
  /** Those that may run again. */
  readonly unparked: readonly CreditVcpu[];
}

/** What an accounting starts from. */
export interface AccountingInput {
  /** All domains, in the order in which surplus is handed on. */
  readonly domains: Iterable<CreditDomain>;
  /** pCPUs that take part. */
  readonly pcpus: number;
  /** Time since the last accounting: what a pCPU earns. */
  readonly sliceNs: number;
  /** What all had together after the last accounting. */
  readonly balanceNs: number;
}

/** Hands out the credit of one accounting by weight, and works priorities out anew. Returns the new balance as well. */
export function account({ domains, pcpus, sliceNs, balanceNs }: AccountingInput): AccountingResult & { readonly balanceNs: number } {
  const taking = [...domains].map((domain) => ({ domain, vcpus: [...domain.vcpus].filter((state) => state.active) })).filter(({ vcpus }) => vcpus.length > 0);
  const weightTotal = taking.reduce((sum, { domain }) => sum + domain.weight, 0);
  const debtNs = Math.max(0, -balanceNs);
  // A system that owes time hands more out, so that the balance goes back to 0.
  let totalNs = pcpus * sliceNs + debtNs;
  let weightLeft = weightTotal;
  let newBalanceNs = 0;
  const parked: CreditVcpu[] = [];
  const unparked: CreditVcpu[] = [];
  for (const { domain, vcpus } of taking) {
    weightLeft -= domain.weight;
    const capNs = (domain.cap * sliceNs) / 100;
    const freePeakNs = vcpus.length * sliceNs + Math.ceil((debtNs * domain.weight) / weightTotal);
    const peakNs = domain.cap > 0 ? Math.min(capNs, freePeakNs) : freePeakNs;
    const fairNs = Math.ceil((totalNs * domain.weight) / weightTotal);
    // What a domain cannot use goes to those that come after it.
    if (fairNs > peakNs && weightLeft > 0) totalNs += Math.ceil(((fairNs - peakNs) * weightTotal) / weightLeft);
    const each = Math.ceil(Math.min(fairNs, peakNs) / vcpus.length);
    for (const state of vcpus) {
      const change = credit(state, each, { capNs: Math.ceil(capNs / vcpus.length), sliceNs });
      if (change === 'parked') parked.push(state);
      else if (change === 'unparked') unparked.push(state);
      newBalanceNs += state.creditNs;
    }
  }
  return { parked, unparked, balanceNs: newBalanceNs };
}

/** Gives a vCPU its part, within the limits of a slice either way. */
function credit(state: CreditVcpu, earnedNs: number, { capNs, sliceNs }: { capNs: number; sliceNs: number }): 'parked' | 'unparked' | undefined {
  state.creditNs += earnedNs;
  if (state.creditNs < 0) {
    state.priority = PRIORITY_OVER;
    const over = state.domain.cap > 0 && state.creditNs < -capNs && !state.parked;
    if (over) state.parked = true;
    state.creditNs = Math.max(state.creditNs, -sliceNs);
    return over ? 'parked' : undefined;
  }
  state.priority = PRIORITY_UNDER;
  const wasParked = state.parked;
  state.parked = false;
  if (state.awake) state.creditNs = Math.min(state.creditNs, SAVINGS_LIMIT_SLICES * sliceNs);
  else if (state.creditNs > sliceNs) {
    // It does not use what it gets, and takes no part until it is seen running again.
    state.active = false;
    state.creditNs = Math.floor(state.creditNs / 2);
  }
  return wasParked ? 'unparked' : undefined;
}
