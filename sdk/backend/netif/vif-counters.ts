/** What a vif has counted since it was opened; transmitted is what the guest sent. */
export interface VifCounters {
  transmittedFrames: number;
  transmittedBytes: number;
  transmitErrors: number;
  receivedFrames: number;
  receivedBytes: number;
  receiveErrors: number;
  /** Frames for the guest for which there was no room. */
  receiveDropped: number;
}

/** Counters at zero. */
export function vifCounters(): VifCounters {
  return {
    transmittedFrames: 0,
    transmittedBytes: 0,
    transmitErrors: 0,
    receivedFrames: 0,
    receivedBytes: 0,
    receiveErrors: 0,
    receiveDropped: 0,
  };
}
