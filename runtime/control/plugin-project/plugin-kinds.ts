/** A kind of plugin that a project can be written for. */
export interface PluginKind {
  /** The guide that its files come from. */
  readonly guide: string;
  /** What the guide calls its plugin: `<prefix>-<subject>`. */
  readonly name: string;
  /** How one uses it, with the subject for `%`. */
  readonly usage: string;
}

/** The kinds, by the names that an operator gives them. */
export const PLUGIN_KINDS: Readonly<Record<string, PluginKind>> = {
  scheduler: { guide: 'write-a-scheduler', name: 'sched-fair', usage: '--scheduler %' },
  vbd: { guide: 'write-a-block-backend', name: 'vbd-scratch', usage: '--disk %:16,xvda,w' },
  vif: { guide: 'write-a-network', name: 'vif-hub', usage: '--vif backend=%' },
  device: { guide: 'write-a-device', name: 'dev-stopwatch', usage: '' },
  network: { guide: 'write-a-network-script', name: 'net-limit', usage: '--vif script=%' },
  tracer: { guide: 'write-a-tracer', name: 'trace-share', usage: '--machine pvh' },
};
