// Has what tests, demo and benchmarks need on this machine, by Debian's packages where that is possible.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** Something a machine has or lacks, and the packages that bring it. */
export interface Requirement {
  /** Programs by their name, or by their path where Debian's own is meant. */
  readonly commands: readonly string[];
  /** A library: this is run with no output wanted, and exits with 0 where the library is there. */
  readonly probe?: readonly [command: string, ...args: string[]];
  readonly packages: readonly string[];
}

/** Where Debian puts daemons; not on the PATH of a plain user. */
const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** What there is to ask of the machine; tests bring their own. */
export interface Host {
  /** Whether this command can be run by its name, or by its absolute path. */
  has(command: string): boolean;
  isRoot(): boolean;
  /** Runs a command to its end without input; its output is both streams together. */
  run(command: string, args: readonly string[]): { readonly code: number; readonly output: string };
  print(line: string): void;
}

/** Something is missing and could not be installed. The message is for people and says what to do. */
export class MissingPackagesError extends Error {
  override readonly name = 'MissingPackagesError';
}

// A package starts its service when it is installed, and that would sit on 6379 or 11211. policy-rc.d is Debian's way to
// forbid it; one that is there already is the machine's own and stays. apt-get update may fail for a source that has
// nothing to do with us, so only the installation decides.
const INSTALL = `
policy=/usr/sbin/policy-rc.d
trap 'exit 130' INT TERM HUP
if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$policy" && chmod 755 "$policy" || exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o DPkg::Lock::Timeout=120 update
apt-get -q -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"
`;

const thisMachine: Host = {
  has(command) {
    const directories = path.isAbsolute(command)
      ? ['/']
      : [...(process.env.PATH ?? '').split(':'), ...SYSTEM_DIRECTORIES];
    return directories.some(directory => {
      try {
        accessSync(path.join(directory, command), constants.X_OK);
        return directory !== '';
      } catch {
        return false;
      }
    });
  },
  isRoot: () => process.getuid?.() === 0,
  run(command, args) {
    const done = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 });
    return { code: done.status ?? 1, output: `${done.stdout ?? ''}${done.stderr ?? ''}${done.error ?? ''}` };
  },
  print: line => console.log(line),
};

/**
 * Returns when all that these names of the table stand for is on the machine, silently when nothing was missing.
 * Throws MissingPackagesError when something is and cannot be installed.
 */
export function ensurePackages<Name extends string>(
  table: Readonly<Record<Name, Requirement>>,
  names: readonly Name[],
  host: Host = thisMachine,
): void {
  const lacking = names.filter(name => missingParts(table[name], host).length > 0);
  if (lacking.length === 0) return;

  const wanted = lacking.map(name => table[name]);
  const missing = wanted.flatMap(each => missingParts(each, host)).join(', ');
  const packages = wanted.flatMap(each => each.packages);
  const advice =
    `Not on this machine: ${missing}. Install ${packages.join(' ')} and try again ` +
    `(Debian, Ubuntu: sudo apt-get install ${packages.join(' ')}).`;
  if (!host.has('apt-get')) throw new MissingPackagesError(`${advice} There is no apt-get here to do it for you.`);
  const prefix = host.isRoot() ? [] : ['sudo', '-n'];
  if (prefix.length > 0 && (!host.has('sudo') || host.run('sudo', ['-n', 'true']).code !== 0)) {
    throw new MissingPackagesError(`${advice} To do it for you takes root, or a sudo that asks for no password.`);
  }

  host.print(`Not on this machine: ${missing}. Installing ${packages.join(' ')} with apt-get; this may take a minute.`);
  const [command, ...args] = [...prefix, 'sh', '-c', INSTALL, 'sh', ...packages];
  const { code, output } = host.run(command!, args);
  const still = wanted.flatMap(each => missingParts(each, host)).join(', ');
  if (still !== '') {
    const end = output.trimEnd().split('\n').slice(-15).join('\n');
    throw new MissingPackagesError(`${end}\n${advice} apt-get ended with code ${code}.`);
  }
  host.print(
    `Installed ${packages.join(' ')}. Their services were not started now; systemd starts them at the next boot.`,
  );
}

/** Commands that are not there, or the probe that fails though they are. */
function missingParts(requirement: Requirement, host: Host): string[] {
  const { commands, probe } = requirement;
  const missing = commands.filter(command => !host.has(command));
  if (missing.length > 0 || probe === undefined) return missing;
  const [command, ...args] = probe;
  return host.run(command, args).code === 0 ? [] : [`what "${probe.join(' ')}" needs`];
}

/** ensurePackages for a program: prints the message and exits with code 1 where it throws. */
export function ensurePackagesOrExit<Name extends string>(
  table: Readonly<Record<Name, Requirement>>,
  names: readonly Name[],
): void {
  try {
    ensurePackages(table, names);
  } catch (error) {
    if (!(error instanceof MissingPackagesError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}
