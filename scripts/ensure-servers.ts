// Has the real servers that tests, demo and benchmarks need on this machine, by Debian's packages where that is possible.
//   node scripts/ensure-servers.ts [redis] [memcached] [nutcracker]      (default: all)
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

export type ServerName = keyof typeof SERVERS;

const SERVERS = {
  redis: { commands: ['redis-server', 'redis-cli', 'redis-benchmark'], packages: ['redis-server', 'redis-tools'] },
  memcached: { commands: ['memcached'], packages: ['memcached'] },
  nutcracker: { commands: ['nutcracker'], packages: ['nutcracker'] },
} as const;

/** Where Debian puts daemons; not on the PATH of a plain user. */
const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** What there is to ask of the machine; tests bring their own. */
export interface Host {
  /** Whether this command can be run by its name. */
  has(command: string): boolean;
  isRoot(): boolean;
  /** Runs a command to its end without input; its output is both streams together. */
  run(command: string, args: readonly string[]): { readonly code: number; readonly output: string };
  print(line: string): void;
}

/** Something is missing and could not be installed. The message is for people and says what to do. */
export class MissingServersError extends Error {
  override readonly name = 'MissingServersError';
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
    return [...(process.env.PATH ?? '').split(':'), ...SYSTEM_DIRECTORIES].some(directory => {
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
 * Returns when every command of these servers is on the machine, silently when nothing was missing.
 * Throws MissingServersError when something is and cannot be installed.
 */
export function ensureServers(names: readonly ServerName[], host: Host = thisMachine): void {
  const lacking = names.filter(name => missingCommands([name], host).length > 0);
  if (lacking.length === 0) return;

  const missing = missingCommands(lacking, host).join(', ');
  const packages = lacking.flatMap(name => [...SERVERS[name].packages]);
  const advice =
    `Not on this machine: ${missing}. Install ${packages.join(' ')} and try again ` +
    `(Debian, Ubuntu: sudo apt-get install ${packages.join(' ')}).`;
  if (!host.has('apt-get')) throw new MissingServersError(`${advice} There is no apt-get here to do it for you.`);
  const prefix = host.isRoot() ? [] : ['sudo', '-n'];
  if (prefix.length > 0 && (!host.has('sudo') || host.run('sudo', ['-n', 'true']).code !== 0)) {
    throw new MissingServersError(`${advice} To do it for you takes root, or a sudo that asks for no password.`);
  }

  host.print(`Not on this machine: ${missing}. Installing ${packages.join(' ')} with apt-get; this may take a minute.`);
  const [command, ...args] = [...prefix, 'sh', '-c', INSTALL, 'sh', ...packages];
  const { code, output } = host.run(command!, args);
  const still = missingCommands(lacking, host).join(', ');
  if (still !== '') {
    const end = output.trimEnd().split('\n').slice(-15).join('\n');
    throw new MissingServersError(`${end}\n${advice} apt-get ended with code ${code}.`);
  }
  host.print(
    `Installed ${packages.join(' ')}. Their services were not started now; systemd starts them at the next boot.`,
  );
}

function missingCommands(names: readonly ServerName[], host: Host): string[] {
  return names.flatMap(name => SERVERS[name].commands.filter(command => !host.has(command)));
}

function isServerName(name: string): name is ServerName {
  return Object.hasOwn(SERVERS, name);
}

/** ensureServers for a program: prints the message and exits with code 1 where it throws. */
export function ensureServersOrExit(names: readonly ServerName[]): void {
  try {
    ensureServers(names);
  } catch (error) {
    if (!(error instanceof MissingServersError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}

if (import.meta.main) {
  const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(SERVERS);
  const unknown = names.filter(name => !isServerName(name));
  if (unknown.length > 0) {
    console.error(`No such server: ${unknown.join(', ')}. There are ${Object.keys(SERVERS).join(', ')}.`);
    process.exit(1);
  }
  ensureServersOrExit(names.filter(isServerName));
}
