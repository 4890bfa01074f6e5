import { ShutdownReason } from '#sdk';

/** What becomes of a domain that has ended. */
export type LifecycleAction = 'destroy' | 'restart' | 'preserve';

/** What becomes of a domain by the way in which it ended: `on_poweroff`, `on_reboot`, `on_crash`, `on_watchdog`. */
export interface LifecycleActions {
  readonly poweroff: LifecycleAction;
  readonly reboot: LifecycleAction;
  readonly crash: LifecycleAction;
  readonly watchdog: LifecycleAction;
}

/** What holds when nothing is said. */
export const DEFAULT_ACTIONS: LifecycleActions = { poweroff: 'destroy', reboot: 'restart', crash: 'destroy', watchdog: 'destroy' };

/** How a domain ended, by the reason that it gave. */
export function endingOfReason(reason: number): keyof LifecycleActions {
  switch (reason) {
    case ShutdownReason.SHUTDOWN_poweroff:
      return 'poweroff';
    case ShutdownReason.SHUTDOWN_reboot:
    case ShutdownReason.SHUTDOWN_soft_reset:
      return 'reboot';
    case ShutdownReason.SHUTDOWN_watchdog:
      return 'watchdog';
    default:
      return 'crash';
  }
}
