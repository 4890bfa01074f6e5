/** One property of a suite of small plugins. */
export interface PluginConformanceCase {
  /** A word for it. */
  readonly id: string;
  /** What holds, as a sentence. */
  readonly title: string;
  /**
   * Runs it, and returns what was measured.
   * @throws ConformanceFailure when the property does not hold
   */
  run(): Promise<string>;
}
