/** How much a message matters: only to find defects, to whoever is curious, to every operator. */
export type LogLevel = 'debug' | 'info' | 'warn';

/** A message for the operator. */
export interface LogRecord {
  /** How much it matters. */
  readonly level: LogLevel;
  /** The message, a sentence or a part of one. */
  readonly message: string;
  /** What it is about, by name: `domid`, `device`, `code`. */
  readonly fields: Readonly<Record<string, unknown>>;
}
