import { gzipSync } from 'node:zlib';
import { BUSYBOX_APPLETS } from './busybox-applets.ts';
import { type CpioEntry, writeCpio } from './cpio.ts';

/** What {@link buildInitramfs} makes an initramfs of. */
export interface InitramfsRequest {
  /** A statically linked busybox for the guest's architecture. */
  readonly busybox: Uint8Array;
  /** Members to add, or to put in the place of ours with the same path. */
  readonly files?: readonly CpioEntry[];
  /** A cpio archive of kernel modules: `DebianGuest.modules`. */
  readonly modules?: Uint8Array;
  /** Compress with gzip; the kernel tells by the first bytes. Off by default: unpacking costs the guest time. */
  readonly gzip?: boolean;
  /** The guest's host name. */
  readonly hostname?: string;
}

/** The start of the line that the guest prints when its shell is about to start. */
export const GUEST_READY_LINE = 'xylem: ready';

const DIRECTORIES = ['bin', 'dev', 'etc', 'mnt', 'proc', 'root', 'run', 'sbin', 'sys', 'tmp', 'usr', 'usr/bin', 'usr/sbin', 'var'];

/**
 * Process 1. busybox's `poweroff`, `halt` and `reboot` do no more than signal it, so it traps their signals; for a
 * trap to run at once it must do nothing but wait for a background job. The shell is no such job, since those ignore
 * SIGINT for ever, and all that they start.
 */
const INIT = `#!/bin/busybox sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM="\${TERM:-linux}" ENV=/etc/shrc
trap 'halt -f' USR1
trap 'poweroff -f' USR2
trap 'reboot -f' TERM
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=755 tmpfs /run
hostname -F /etc/hostname
ifconfig lo 127.0.0.1 up 2>/dev/null
option() { sed -n "s/.*\\b$1=\\([^ ]*\\).*/\\1/p" /proc/cmdline; }
if [ -e /sys/hypervisor/type ]; then
  modprobe xen-netfront 2>/dev/null
  modprobe xen-blkfront 2>/dev/null
fi
if [ -e /sys/class/net/eth0 ]; then
  address=$(option ip)
  if [ -n "$address" ]; then ifconfig eth0 "$address" up
  else
    modprobe af_packet 2>/dev/null
    ifconfig eth0 up
    udhcpc -i eth0 -q -b -t 2 -T 1 -s /etc/udhcpc.script >/dev/null 2>&1
  fi
fi
disk=$(option xylem.disk)
if [ -n "$disk" ] && [ -b "/dev/$disk" ]; then
  if [ -z "$(head -c 65536 "/dev/$disk" | tr -d '\\0')" ]; then mke2fs -L data "/dev/$disk" >/dev/null 2>&1; fi
  mount -t ext4 "/dev/$disk" /mnt 2>/dev/null || echo "xylem: /dev/$disk cannot be mounted"
fi
cat /etc/banner
echo "${GUEST_READY_LINE} ($(uname -srm), up $(cut -d' ' -f1 /proc/uptime) s)"
cd /root
start-stop-daemon -S -b -m -p /run/session.pid -x /bin/sh -- -c \
  'setsid cttyhack sh -l </dev/console >/dev/console 2>&1; poweroff -f'
while :; do
  sleep 86400 &
  wait $!
done
`;

/** What udhcpc calls when it has a lease. */
const UDHCPC_SCRIPT = `#!/bin/busybox sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ifconfig "$interface" "$ip" netmask "\${subnet:-255.255.255.0}" mtu "\${mtu:-1500}"
for gateway in $router; do route add default gw "$gateway" dev "$interface"; done 2>/dev/null
for server in $dns; do echo "nameserver $server"; done > /etc/resolv.conf
`;

const SHRC = `PS1='\\u@\\h:\\w\\$ '
alias ll='ls -l'
`;

const BANNER = `
  Xylem: a Linux guest on busybox.
  'poweroff' or the end of this shell turns the domain off; 'busybox --list' shows the commands.

`;

/**
 * Builds an initramfs with busybox, its commands and an init that starts a shell with job control on the console.
 *
 * When the shell ends, the guest turns itself off.
 *
 * @returns a cpio archive, gzip-compressed if asked
 */
export function buildInitramfs(request: InitramfsRequest): Uint8Array {
  const members = new Map<string, CpioEntry>();
  for (const entry of [...ourMembers(request), ...(request.files ?? [])]) {
    members.set(entry.path.replace(/^\/+/, ''), entry);
  }
  const own = writeCpio([...members.values()]);
  // The kernel unpacks archives one after another.
  const archive = request.modules === undefined ? own : new Uint8Array(Buffer.concat([own, request.modules]));
  return request.gzip === true ? new Uint8Array(gzipSync(archive)) : archive;
}

function ourMembers(request: InitramfsRequest): CpioEntry[] {
  const hostname = request.hostname ?? 'xylem';
  return [
    ...DIRECTORIES.map((path): CpioEntry => ({ kind: 'directory', path, mode: path === 'root' ? 0o700 : 0o755 })),
    // The kernel opens the console for process 1 before anything could mount devtmpfs.
    { kind: 'device', path: 'dev/console', type: 'character', major: 5, minor: 1, mode: 0o600 },
    { kind: 'device', path: 'dev/null', type: 'character', major: 1, minor: 3, mode: 0o666 },
    { kind: 'file', path: 'bin/busybox', data: request.busybox, mode: 0o755 },
    ...appletLinks(),
    text('init', INIT, 0o755),
    text('etc/udhcpc.script', UDHCPC_SCRIPT, 0o755),
    text('etc/shrc', SHRC),
    text('etc/profile', '. /etc/shrc\n'),
    text('etc/banner', BANNER),
    text('etc/hostname', `${hostname}\n`),
    text('etc/hosts', `127.0.0.1 localhost ${hostname}\n`),
    text('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n'),
    text('etc/group', 'root:x:0:\nnogroup:x:65534:\n'),
  ];
}

function appletLinks(): CpioEntry[] {
  return Object.entries(BUSYBOX_APPLETS).flatMap(([directory, applets]) =>
    applets.map(
      (applet): CpioEntry => ({
        kind: 'symlink',
        path: `${directory}/${applet}`,
        target: '/bin/busybox',
      }),
    ),
  );
}

function text(path: string, content: string, mode = 0o644): CpioEntry {
  return { kind: 'file', path, data: new TextEncoder().encode(content), mode };
}
