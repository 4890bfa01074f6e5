/** States of a device's end, as in `xen/include/public/io/xenbus.h`. */
export const XenbusState = {
  Unknown: 0,
  Initialising: 1,
  InitWait: 2,
  Initialised: 3,
  Connected: 4,
  Closing: 5,
  Closed: 6,
  Reconfiguring: 7,
  Reconfigured: 8,
} as const;

/** One of {@link XenbusState}. */
export type XenbusStateValue = (typeof XenbusState)[keyof typeof XenbusState];

/** Name of a state. */
export function xenbusStateName(state: number): keyof typeof XenbusState {
  const entry = Object.entries(XenbusState).find(([, value]) => value === state);
  return (entry?.[0] ?? 'Unknown') as keyof typeof XenbusState;
}

/**
 * Reads what an end wrote as its state.
 * A node that is gone is `Unknown`: the end was removed. What is no state is undefined: to be ignored.
 */
export function parseXenbusState(text: string | undefined): XenbusStateValue | undefined {
  if (text === undefined) return XenbusState.Unknown;
  return /^[0-8]$/.test(text) ? (Number(text) as XenbusStateValue) : undefined;
}
