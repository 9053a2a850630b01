import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { parse } from 'yaml';
import { Child, type Exit, run, temporaryDirectory } from './child.ts';
import { freePort } from './free-port.ts';

export interface NutcrackerOptions {
  /** The mbuf chunk size, -m. */
  readonly mbufBytes?: number;
  /** Log level, -v 0 to 11. */
  readonly verbosity?: number;
  /** How old its statistics may be at most, -i; 30 s by default. */
  readonly statsIntervalMs?: number;
}

/** A real twemproxy. */
export interface Nutcracker {
  readonly pid: number;
  readonly statsPort: number;
  /** The listen port of each pool by its name; pools on unix sockets are left out. */
  readonly ports: Readonly<Record<string, number>>;
  /** What it has logged. */
  log(): string;
  /** The JSON of the statistics port. */
  stats(): Promise<Record<string, unknown>>;
  /** SIGINT (it handles no TERM) and the wait for its end. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

// Debian puts it where the PATH of a plain user does not reach.
export const NUTCRACKER = existsSync('/usr/sbin/nutcracker') ? '/usr/sbin/nutcracker' : 'nutcracker';

/** Starts nutcracker on this YAML text; resolves once all its pools and the statistics port listen. */
export async function startNutcracker(config: string, options: NutcrackerOptions = {}): Promise<Nutcracker> {
  const dir = temporaryDirectory('nutcracker');
  const configFile = path.join(dir, 'nutcracker.yml');
  const logFile = path.join(dir, 'log');
  writeFileSync(configFile, config);
  const statsPort = await freePort();
  const args = [
    '-c',
    configFile,
    '-o',
    logFile,
    '-p',
    path.join(dir, 'pid'),
    '-a',
    '127.0.0.1',
    '-s',
    String(statsPort),
  ];
  if (options.mbufBytes !== undefined) args.push('-m', String(options.mbufBytes));
  if (options.statsIntervalMs !== undefined) args.push('-i', String(options.statsIntervalMs));
  if (options.verbosity !== undefined) args.push('-v', String(options.verbosity));

  const log = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '');
  const { ports, paths } = listeners(config);
  const others = listeningPorts();
  const taken = Object.values(ports).find(port => others.has(port));
  // Else that would be taken for its own, in the moment before it ends for want of the port.
  if (taken !== undefined) throw new Error(`somebody is listening on port ${taken} already`);
  const child = new Child(NUTCRACKER, args);
  try {
    await child.until(() => {
      const listening = listeningPorts();
      return [statsPort, ...Object.values(ports)].every(port => listening.has(port)) && paths.every(existsSync);
    }, 'nutcracker listening');
  } catch (error) {
    await child.kill();
    throw new Error(`${(error as Error).message}\n--- its log\n${log()}`);
  }

  return {
    pid: child.pid,
    statsPort,
    ports,
    log,
    stats: () => readJson(statsPort),
    async stop() {
      child.signal('SIGINT');
      await child.exit();
    },
    kill: async () => void (await child.kill()),
  };
}

/** What `nutcracker -t` says to this text: exit code 0 when it likes it. */
export async function testNutcrackerConfig(
  config: string | Uint8Array,
): Promise<Exit & { stdout: string; stderr: string }> {
  const file = path.join(temporaryDirectory('nutcracker'), 'nutcracker.yml');
  writeFileSync(file, config);
  return run(NUTCRACKER, ['-t', '-c', file]);
}

/** Reads a statistics port as twemproxy's scrapers do: connect, read JSON to the end. */
export async function readJson(port: number): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of connect(port, '127.0.0.1').setEncoding('utf8')) text += chunk;
  return JSON.parse(text) as Record<string, unknown>;
}

/** TCP ports in state LISTEN, on whichever address: asking the kernel leaves no trace in anybody's counters. */
function listeningPorts(): Set<number> {
  const ports = new Set<number>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    if (!existsSync(table)) continue;
    for (const match of readFileSync(table, 'latin1').matchAll(/: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F:]+ 0A /g)) {
      ports.add(Number.parseInt(match[1]!, 16));
    }
  }
  return ports;
}

function listeners(config: string): { ports: Record<string, number>; paths: string[] } {
  const ports: Record<string, number> = {};
  const paths: string[] = [];
  const pools = parse(config, { schema: 'failsafe' }) as Record<string, { listen: string }>;
  for (const [name, { listen }] of Object.entries(pools)) {
    if (listen.startsWith('/')) paths.push(listen.split(' ')[0]!);
    else ports[name] = Number(listen.slice(listen.lastIndexOf(':') + 1));
  }
  return { ports, paths };
}
