/** The backend's end of an event channel. */
export interface EventChannel {
  /** Raises the event at the frontend. */
  notify(): void;
  /** Ends the channel: the listener is not called again. A second call does nothing. */
  close(): void;
}

/** What connects a backend with the event channels of the frontend's domain. */
export interface EventChannels {
  /**
   * Binds to a port that the frontend has allocated for the backend's domain (EVTCHNOP_bind_interdomain).
   *
   * @param remotePort - the port as the guest wrote it: any number
   * @param listener - called after the frontend has raised the event; several events may become one call. It is never
   *   called within a call of the backend, and once after binding, as a guest may have raised the event before.
   * @returns the channel, or undefined when there is no such port, or not for this backend
   */
  bind(remotePort: number, listener: () => void): EventChannel | undefined;
}
