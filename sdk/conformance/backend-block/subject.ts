import type { BackendPlugin } from '../../backend/define-backend.ts';

/** A block backend that is put to the suite. */
export interface BlockBackendSubject<O extends object> {
  /** The plugin. */
  readonly plugin: BackendPlugin<O>;
  /** The options that it is to be tested with. */
  readonly options: O;
  /** Size of the VBDs that `settings` asks for: at least 1 MiB, a multiple of 4096. */
  readonly sizeBytes: number;
  /** Settings of a VBD that nobody uses and that is all zeroes, a new one each time. */
  settings(): Readonly<Record<string, string>>;
  /** Requests in the random cases, 2,000 when left out. */
  readonly randomRequests?: number;
  /** Seconds after which a case that gets no answer has failed, 20 when left out. */
  readonly patienceSeconds?: number;
}
