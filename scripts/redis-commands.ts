// Writes src/protocol/redis/command-data.ts from COMMAND of a real Redis 7, and the generated part of docs/redis.md from
// the command table.
//
//   node scripts/redis-commands.ts data [path of redis-server]
//   node scripts/redis-commands.ts docs
//   node scripts/redis-commands.ts check      exits 1 when docs/redis.md is not what `docs` would write
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ROUTE_ALL, ROUTE_ANY, ROUTE_LOCAL, ROUTE_SAME_SERVER, ROUTE_SPLIT } from '../src/protocol/protocol.ts';
import { CLUSTER_DISABLED, REFUSED } from '../src/protocol/redis/command-policy.ts';
import { COMMANDS, type Command, subcommandsOf } from '../src/protocol/redis/command-table.ts';
import { parseReply, type RespValue, replyEnd } from '../test/support/resp-reader.ts';

const ROOT = path.join(import.meta.dirname, '..');
const DATA_FILE = path.join(ROOT, 'src/protocol/redis/command-data.ts');
const DOCS_FILE = path.join(ROOT, 'docs/redis.md');
const CONNECT_ATTEMPTS = 100;

interface Row {
  readonly name: string;
  readonly numbers: readonly number[];
  readonly flags: string;
  readonly categories: string;
}

function rowsOf(commands: RespValue): Row[] {
  const rows: Row[] = [];
  for (const command of commands as RespValue[][]) {
    const [name, arity, flags, first, last, step, categories, , , subcommands] = command;
    rows.push({
      name: String(name),
      numbers: [arity, first, last, step].map(Number),
      flags: (flags as string[]).join(' '),
      categories: (categories as string[]).map(category => category.slice(1)).join(' '),
    });
    if (Array.isArray(subcommands)) rows.push(...rowsOf(subcommands));
  }
  return rows.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function dataFile(version: string, rows: readonly Row[]): string {
  const lines = rows.map(row => `  ['${row.name}', ${row.numbers.join(', ')}, '${row.flags}', '${row.categories}'],`);
  return `// Written by scripts/redis-commands.ts from COMMAND of Redis ${version}; not by hand.

/** The version that the table is of, which is also what clients are told. */
export const REDIS_VERSION = '${version}';

/** Name, arity, first key, last key, key step, flags, ACL categories: as COMMAND gives them. */
export type CommandRow = readonly [string, number, number, number, number, string, string];

export const COMMAND_ROWS: readonly CommandRow[] = [
${lines.join('\n')}
];
`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise(resolve => server.close(resolve));
  return port;
}

/** Sends one inline command on a connection of its own and returns the decoded reply. */
function ask(port: number, line: string): Promise<RespValue> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(`${line}\r\n`));
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      const reply = Buffer.concat(chunks);
      if (replyEnd(reply) < 0) return;
      socket.destroy();
      resolve(parseReply(reply));
    });
  });
}

async function writeData(redisServer: string): Promise<void> {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', tmpdir()];
  const server = spawn(redisServer, args, { stdio: 'ignore' });
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        await ask(port, 'PING');
        break;
      } catch (error) {
        if (attempt === CONNECT_ATTEMPTS) throw error;
        await new Promise(resolve => setTimeout(resolve, 50));
      }
    }
    const version = /redis_version:(\S+)/.exec(String(await ask(port, 'INFO server')))?.[1] ?? 'unknown';
    writeFileSync(DATA_FILE, dataFile(version, rowsOf(await ask(port, 'COMMAND'))));
  } finally {
    server.kill();
  }
}

const BEGIN = '<!-- commands: written by scripts/redis-commands.ts -->';
const END = '<!-- end of commands -->';

/** One line per way of being served, in the order of the reader's interest. */
function serviceOf(command: Command): string {
  if (command.refusal !== null) {
    const why = REFUSED.get(command.name);
    return why === undefined ? `Answered \`${CLUSTER_DISABLED}\`` : `Refused: ${why}`;
  }
  switch (command.route) {
    case ROUTE_LOCAL:
      return 'Answered by Ringmaster itself';
    case ROUTE_SPLIT:
      return 'Sent to the servers of its keys, split by server; replies merged';
    case ROUTE_ALL:
      return 'Sent to every server; replies merged';
    case ROUTE_ANY:
      return 'Sent to any server';
    case ROUTE_SAME_SERVER:
      return 'Sent to the server of its keys, which must be one; without keys to any';
    default:
      return 'Sent to the server of its key';
  }
}

const SERVICES = [
  'Sent to the server of its key',
  'Sent to the servers of its keys, split by server; replies merged',
  'Sent to the server of its keys, which must be one; without keys to any',
  'Sent to any server',
  'Sent to every server; replies merged',
  'Answered by Ringmaster itself',
];

function commandsSection(): string {
  const groups = new Map<string, string[]>(SERVICES.map(service => [service, []]));
  for (const command of COMMANDS) {
    // A container is nothing without its subcommands.
    if (command.arity < -1 && subcommandsOf(command).length > 0) continue;
    const service = serviceOf(command);
    const group = groups.get(service) ?? [];
    group.push(`\`${command.name.replace('|', ' ').toUpperCase()}\``);
    groups.set(service, group);
  }
  const lines = [...groups].map(([service, names]) => `| ${service} | ${names.sort().join(' ')} |`);
  return `${BEGIN}\n\n| How | Commands |\n| --- | --- |\n${lines.join('\n')}\n\n${END}`;
}

function withCommands(document: string): string {
  const from = document.indexOf(BEGIN);
  const to = document.indexOf(END);
  if (from < 0 || to < 0) throw new Error(`${DOCS_FILE} has no place for the commands`);
  return document.slice(0, from) + commandsSection() + document.slice(to + END.length);
}

const [what, redisServer = 'redis-server'] = process.argv.slice(2);
if (what === 'data') await writeData(redisServer);
else if (what === 'docs') writeFileSync(DOCS_FILE, withCommands(readFileSync(DOCS_FILE, 'utf8')));
else if (what === 'check') {
  const document = readFileSync(DOCS_FILE, 'utf8');
  if (withCommands(document) !== document) {
    console.error('docs/redis.md is out of date: run node scripts/redis-commands.ts docs');
    process.exitCode = 1;
  }
} else {
  console.error('usage: node scripts/redis-commands.ts data [redis-server] | docs | check');
  process.exitCode = 1;
}
