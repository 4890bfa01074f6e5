/** Instruction set of a guest, by Debian's names. */
export type Architecture = 'i386' | 'amd64';

/** Runs cases of the bare-metal image, in one boot. */
export interface GuestJob {
  readonly kind: 'guest';
  readonly architecture: Architecture;
  /** Path of the multiboot image. */
  readonly image: string;
  /** Names of cases, as the image knows them. */
  readonly cases: readonly string[];
  /** How often each case is repeated between its BEGIN and its END. */
  readonly repetitions: number;
  /** The run is given up when it prints nothing for so long. */
  readonly silenceMs: number;
}

/** One shell command, timed between the marker lines around it. */
export interface LinuxStep {
  readonly name: string;
  readonly command: string;
}

/** Boots Linux to its shell and runs commands there. */
export interface LinuxJob {
  readonly kind: 'linux';
  readonly architecture: Architecture;
  /** Path of the bzImage. */
  readonly kernel: string;
  /** Path of the initramfs. */
  readonly ramdisk: string;
  readonly commandLine: string;
  readonly memoryMib: number;
  /** How the line begins that ends the boot. */
  readonly readyLine: string;
  readonly steps: readonly LinuxStep[];
  /** The run is given up when it prints nothing for so long. */
  readonly silenceMs: number;
}

/** What a peer can be asked to run. */
export type Job = GuestJob | LinuxJob;
