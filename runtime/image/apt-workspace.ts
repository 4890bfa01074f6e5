import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { HypervisorError } from '#sdk';

/** What one run of an apt tool left. */
export interface AptResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** apt's `E:` and `W:` lines, without their marks and without the servers' IP addresses. */
  readonly complaints: readonly string[];
}

/** How {@link AptWorkspace.run} is to run a tool. */
export interface AptRun {
  readonly tool: 'apt-get' | 'apt-cache';
  readonly args: readonly string[];
  readonly onFraction?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

/** apt with lists, caches and package status of its own; the host's are neither read nor changed. */
export interface AptWorkspace {
  /** Where `apt-get download` puts packages. */
  readonly packages: string;
  run(request: AptRun): Promise<AptResult>;
}

/**
 * Makes an apt workspace below a directory.
 *
 * Sources, keyrings and proxies are the host's; everything apt writes goes below `directory`, so no privilege is
 * needed. Signatures are always checked.
 *
 * @param directory - an empty directory of the caller's
 * @param architecture - Debian's name of the packages' architecture, which need not be the host's
 */
export async function createAptWorkspace(directory: string, architecture: string): Promise<AptWorkspace> {
  if (/["\\\n;{}]/.test(directory)) {
    throw new HypervisorError('HV_ERR_IMAGE_CACHE', `apt cannot work in the directory ${JSON.stringify(directory)}`, {
      hint: 'choose a cache directory without quotes, backslashes, semicolons and braces in its path',
    });
  }
  const packages = join(directory, 'packages');
  for (const path of ['lists/partial', 'archives/partial', 'packages']) {
    await mkdir(join(directory, path), { recursive: true });
  }
  await writeFile(join(directory, 'status'), '');
  const configuration = join(directory, 'apt.conf');
  await writeFile(configuration, aptConfiguration(directory, architecture));
  return { packages, run: (request) => runApt(request, configuration, packages) };
}

/**
 * Given to apt with `-c`, thus read after the host's files: what it clears stays cleared. The hooks are cleared
 * because some hosts' hooks delete from the host's own cache.
 */
function aptConfiguration(directory: string, architecture: string): string {
  const isRoot = process.getuid?.() === 0;
  return `#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
#clear Acquire::Languages;
#clear Acquire::IndexTargets::deb::Contents-deb;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
#clear Acquire::IndexTargets::deb::DEP-11-icons-small;
#clear Acquire::IndexTargets::deb::DEP-11-icons-hidpi;
#clear Acquire::IndexTargets::deb::DEP-11-icons-large;
#clear Acquire::IndexTargets::deb::DEP-11-icons-large-hidpi;
APT::Architecture "${architecture}";
APT::Architectures { "${architecture}"; };
APT::Get::AllowUnauthenticated "false";
APT::Status-Fd "3";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages { "none"; };
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
Dir::State "${directory}";
Dir::State::lists "lists";
Dir::State::status "${directory}/status";
Dir::State::extended_states "extended_states";
Dir::Cache "${directory}";
Dir::Cache::archives "archives";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "";
Dir::Log "${directory}";
${isRoot ? 'APT::Sandbox::User "root";' : ''}
`;
}

function runApt(request: AptRun, configuration: string, cwd: string): Promise<AptResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(request.tool, ['-c', configuration, ...request.args], {
      cwd,
      env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    const status = child.stdio[3];
    // The type of a child's extra pipes knows no direction.
    if (status instanceof Readable) reportFractions(status, request.onFraction);
    child.on('error', (cause) => reject(startFailure(request.tool, cause)));
    child.on('close', (code) =>
      resolve({
        exitCode: code ?? 1,
        stdout: stdout.text,
        complaints: complaintsOf(stderr.text),
      }),
    );
  });
}

/** apt writes lines `dlstatus:<file>:<percent>:<text>` while it downloads. */
function reportFractions(status: Readable, report: AptRun['onFraction']): void {
  let rest = '';
  status.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    const percent = lines.map((line) => /^dlstatus:\d+:([\d.]+):/.exec(line)?.[1]).findLast((found) => found !== undefined);
    if (percent !== undefined) report?.(Math.min(1, Number(percent) / 100));
  });
}

function collect(stream: Readable | null): { readonly text: string } {
  const collected = { text: '' };
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    collected.text += chunk;
  });
  return collected;
}

function complaintsOf(stderr: string): string[] {
  return stderr
    .split('\n')
    .filter((line) => /^[EW]: /.test(line))
    .map((line) =>
      line
        .slice(3)
        .replace(/\s*\[IP: [^\]]*\]/, '')
        .trim(),
    );
}

function startFailure(tool: string, cause: Error): Error {
  if (cause.name === 'AbortError') return cause;
  return new HypervisorError('HV_ERR_IMAGE_APT_MISSING', `${tool} cannot be run on this host`, {
    hint: "a Debian guest is fetched with Debian's own tools; elsewhere, name a kernel and a ramdisk of your own",
    cause,
  });
}
