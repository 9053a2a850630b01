import { addressText, entranceText } from '../config/address.ts';
import type { Config, PoolConfig } from '../config/config.ts';
import { ConfigError, type ConfigProblem, formatProblem } from '../config/errors.ts';
import { type ConfigFile, loadConfigFile } from '../config/load.ts';
import { portPools } from '../config/port-pools.ts';
import type { ConfigWarning } from '../config/warnings.ts';
import { checkWarnings } from './check-warnings.ts';
import { type Machine, thisMachine } from './machine.ts';
import { lookOnline, type OnlineFinding } from './online.ts';
import { type OpenFiles, openFiles } from './open-files.ts';
import { serverShares } from './pool-ring.ts';
import { userToBecome, userWarnings } from './run-as.ts';
import { printable } from './state-text.ts';
import { counted, grouped, percent, textTable } from './text-table.ts';

export interface CheckOptions {
  readonly asJson: boolean;
  /** Warnings make the file bad. */
  readonly isStrict: boolean;
  /** Ask the servers, too: what is wrong there makes the file bad. */
  readonly isOnline: boolean;
}

/** `ringmaster check FILE`: the text to print and the exit code, 0 good and 1 bad. */
export async function checkFile(file: string, options: CheckOptions): Promise<{ text: string; exitCode: number }> {
  let loaded: ConfigFile | null = null;
  let problems: readonly ConfigProblem[] = [];
  try {
    loaded = loadConfigFile(file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems = error.problems;
  }
  const machine = thisMachine();
  const warnings = loaded === null ? [] : placedWarnings(file, loaded, machine);
  const online = options.isOnline && loaded !== null ? await lookOnline(loaded.config.pools) : null;
  const isAllThere = online?.every(({ problem }) => problem === null) ?? true;
  const isGood = loaded !== null && isAllThere && !(options.isStrict && warnings.length > 0);
  const text = options.asJson
    ? toJson(file, loaded?.config ?? null, problems, warnings, machine, online)
    : toText(file, loaded?.config ?? null, problems, warnings, machine, online);
  return { text, exitCode: isGood ? 0 : 1 };
}

function placedWarnings(file: string, { config, places }: ConfigFile, machine: Machine): ConfigProblem[] {
  const warnings = [...checkWarnings(config, machine), ...warningsOfUser(config, file)].map(({ path, message }) => {
    const { line, column } = places.of(path) ?? { line: 0, column: 0 };
    return { file, line, column, path, message };
  });
  return warnings.sort((a, b) => a.line - b.line || a.column - b.column);
}

/** What becomes of it that somebody else runs it than who starts it. */
function warningsOfUser(config: Config, file: string): ConfigWarning[] {
  try {
    return userWarnings(config, file, userToBecome(config, true));
  } catch (error) {
    return [{ path: 'user', message: `it would not start here: ${(error as Error).message.replace(/^user: /, '')}` }];
  }
}

function toJson(
  file: string,
  config: Config | null,
  problems: readonly ConfigProblem[],
  warnings: readonly ConfigProblem[],
  machine: Machine,
  online: readonly OnlineFinding[] | null,
): string {
  const plain = ({ line, column, path, message }: ConfigProblem) => ({ line, column, path, message });
  const pools = config?.pools.map(pool => {
    const shares = serverShares(pool);
    return {
      name: pool.name,
      listen: entranceText(pool.listen),
      protocol: pool.protocol,
      hash: pool.hash,
      distribution: pool.distribution,
      servers: pool.servers.map(({ name, address, weight }, i) => ({
        name,
        address: addressText(address),
        weight,
        share: shares[i],
      })),
    };
  });
  const json = {
    file,
    isValid: config !== null,
    form: config?.form ?? null,
    problems: problems.map(plain),
    warnings: warnings.map(plain),
    openFiles: config === null ? null : openFilesJson(openFiles(config, machine)),
    pools: pools ?? [],
    ...(online !== null && { online }),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

function toText(
  file: string,
  config: Config | null,
  problems: readonly ConfigProblem[],
  warnings: readonly ConfigProblem[],
  machine: Machine,
  online: readonly OnlineFinding[] | null,
): string {
  let text = problems.map(problem => `${formatProblem(problem)}\n`).join('');
  if (config === null) return `${text}${file}: syntax is invalid, ${counted(problems.length, 'problem')}\n`;
  for (const warning of warnings) text += `${formatProblem({ ...warning, path: '', message: warningText(warning) })}\n`;
  if (text !== '') text += '\n';
  for (const pool of config.pools) {
    if (pool.poolBy !== null) {
      text += `${pool.name}: ${pool.protocol} on ${entranceText(pool.listen)}, leads by ${pool.poolBy}\n${portTable(pool, config)}\n`;
      continue;
    }
    const shares = serverShares(pool);
    text += `${pool.name}: ${pool.protocol} ${whereText(pool, config)}, ${pool.distribution}, ${pool.hash}\n`;
    const rows = pool.servers.map(({ name, address, weight }, i) => {
      return [name, addressText(address), grouped(weight), percent(shares[i]!)];
    });
    text += `${textTable([['server', 'address', 'weight', 'share of keys'], ...rows], '  ', [2, 3])}\n`;
  }
  if (online !== null) text += `${onlineText(online)}\n`;
  text += `${openFilesText(openFiles(config, machine))}\n`;
  const servers = config.pools.reduce((sum, pool) => sum + pool.servers.length, 0);
  const what = `${counted(config.pools.length, 'pool')}, ${counted(servers, 'server')}`;
  return `${text}${file}: syntax is ok, ${what}, ${counted(warnings.length, 'warning')}\n`;
}

function onlineText(findings: readonly OnlineFinding[]): string {
  const rows = findings.map(({ pool, server, says, problem }) => {
    const what = [says, problem === null ? '' : `PROBLEM: ${printable(problem)}`]
      .filter(part => part !== '')
      .join('; ');
    return [pool, server === '' ? '-' : server, printable(what)];
  });
  return `servers that were asked:\n${textTable([['pool', 'server', ''], ...rows], '  ')}`;
}

function warningText({ path, message }: ConfigProblem): string {
  return path === '' ? `warning: ${message}` : `warning: ${path}: ${message}`;
}

function openFilesJson(files: OpenFiles): object {
  const clients = files.isUnbounded ? null : files.clients;
  const limit = Number.isFinite(files.limit) ? files.limit : null;
  return { workers: files.workers, perWorker: { servers: files.servers, clients }, limit };
}

function openFilesText({ workers, servers, clients, isUnbounded, limit }: OpenFiles): string {
  const needs = isUnbounded ? `${grouped(servers)}, and one for each client` : `up to ${grouped(servers + clients)}`;
  const may = Number.isFinite(limit) ? `may have ${grouped(limit)}` : 'may have any number';
  return `open files: each of ${counted(workers, 'worker')} needs ${needs}; it ${may}`;
}

/** Where clients reach it: its own address, or the ports that lead to it. */
function whereText({ name, listen }: PoolConfig, config: Config): string {
  if (listen !== null) return `on ${addressText(listen)}`;
  const ports = config.pools.filter(port => [...poolsOf(port, config).values()].includes(name));
  return ports.length === 0 ? 'on no port' : `by the port of ${ports.map(port => port.name).join(' and ')}`;
}

function poolsOf(port: PoolConfig, { users, pools }: Config): ReadonlyMap<string, string> {
  const protocols = new Map(pools.map(({ name, protocol }) => [name, protocol]));
  return portPools(port, users, name => protocols.get(name));
}

function portTable(port: PoolConfig, config: Config): string {
  const rows = [...poolsOf(port, config)];
  return textTable([[port.poolBy === 'server_name' ? 'server name' : String(port.poolBy), 'pool'], ...rows], '  ', []);
}
