// Writes src/protocol/redis/commands/command-data.json and command-docs.json from COMMAND and COMMAND DOCS of a real server and from
// published specifications, and the generated part of docs/redis.md from the command table. How to renew them: docs/redis.md.
//
//   node scripts/redis-commands.ts data [path of redis-server [specifications …]]
//   node scripts/redis-commands.ts docs
//   node scripts/redis-commands.ts check      exits 1 when docs/redis.md is not what `docs` would write
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Command } from '../src/protocol/redis/commands/command.ts';
import type { CommandRow } from '../src/protocol/redis/commands/command-data.ts';
import { CLUSTER_DISABLED, FAMILY_OF } from '../src/protocol/redis/commands/command-families.ts';
import { IN_PRESENTED_CLUSTER, OF_SLOT } from '../src/protocol/redis/commands/command-policy.ts';
import { COMMANDS } from '../src/protocol/redis/commands/command-table.ts';
import { SHAPE_ERROR, SHAPE_PLAIN } from '../src/protocol/redis/key-prefix/reply-shape.ts';
import {
  ROUTE_ALL,
  ROUTE_ANY,
  ROUTE_ASIDE,
  ROUTE_AUDIENCE,
  ROUTE_CLIENTS,
  ROUTE_EVERY,
  ROUTE_LOCAL,
  ROUTE_PRIVATE,
  ROUTE_PUBLICATION,
  ROUTE_SAME_SERVER,
  ROUTE_SERVER,
  ROUTE_SPLIT,
  ROUTE_SUBSCRIPTION,
} from '../src/protocol/routes.ts';
import { parseReply, type RespValue, replyEnd } from '../test/support/resp-reader.ts';
import {
  mergeRows,
  readSpecifications,
  rowsOfIoredis,
  rowsOfServer,
  rowsOfSpecifications,
  rowsOfYounger,
} from './redis-command-sources.ts';

const ROOT = path.join(import.meta.dirname, '..');
const DATA_FILE = path.join(ROOT, 'src/protocol/redis/commands/command-data.json');
const DOCS_DATA_FILE = path.join(ROOT, 'src/protocol/redis/commands/command-docs.json');
const IOREDIS_FILE = path.join(ROOT, 'node_modules/@ioredis/commands/built/commands.json');
const DOCS_FILE = path.join(ROOT, 'docs/redis.md');
const CONNECT_ATTEMPTS = 100;

/** One entry a line, so that a change of one command shows as one. */
function linesOf(entries: readonly string[]): string {
  return entries.map(entry => `  ${entry}`).join(',\n');
}

function dataFile(version: string, rows: readonly CommandRow[]): string {
  const about = `written by scripts/redis-commands.ts; not by hand`;
  const lines = linesOf(rows.map(row => JSON.stringify(row)));
  return `{\n"about": "${about}",\n"version": "${version}",\n"rows": [\n${lines}\n]\n}\n`;
}

function docsFile(docs: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(docs).sort();
  return `{\n${linesOf(names.map(name => `${JSON.stringify(name)}: ${JSON.stringify(docs[name])}`))}\n}\n`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise(resolve => server.close(resolve));
  return port;
}

/** Sends inline commands on a connection of their own and returns the reply to the last of them. */
function askRaw(port: number, ...lines: string[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let reply = Buffer.alloc(0);
    let left = lines.length;
    const socket = connect(port, '127.0.0.1', () => socket.write(lines.map(line => `${line}\r\n`).join('')));
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      reply = Buffer.concat([reply, chunk]);
      for (let end = replyEnd(reply); end >= 0; end = replyEnd(reply)) {
        if (--left === 0) {
          socket.destroy();
          resolve(reply.subarray(0, end));
          return;
        }
        reply = reply.subarray(end);
        if (reply.length === 0) return;
      }
    });
  });
}

async function ask(port: number, line: string): Promise<RespValue> {
  return parseReply(await askRaw(port, line));
}

/** COMMAND DOCS in RESP3, maps as objects, sets as arrays. */
function plainValue(bytes: Buffer): unknown {
  let at = 0;
  const read = (): unknown => {
    const end = bytes.indexOf('\r\n', at);
    const type = String.fromCharCode(bytes[at]!);
    const rest = bytes.toString('latin1', at + 1, end);
    at = end + 2;
    if (type === '+') return rest;
    if (type === ':') return Number(rest);
    if (type === '$') {
      const text = bytes.toString('utf8', at, at + Number(rest));
      at += Number(rest) + 2;
      return text;
    }
    const items = (): unknown => read();
    if (type === '%') {
      return Object.fromEntries(Array.from({ length: Number(rest) }, () => [String(read()), read()]));
    }
    if (type === '*' || type === '~') return Array.from({ length: Number(rest) }, items);
    throw new Error(`COMMAND DOCS has a ${type}`);
  };
  return read();
}

async function writeData(redisServer: string, specifications: readonly string[]): Promise<void> {
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
    const rows = mergeRows([
      rowsOfServer(await ask(port, 'COMMAND')),
      ...specifications.map(where => rowsOfSpecifications(readSpecifications(where))),
      rowsOfIoredis(IOREDIS_FILE),
      rowsOfYounger(),
    ]);
    writeFileSync(DATA_FILE, dataFile(version, rows));
    const docs = plainValue(await askRaw(port, 'HELLO 3', 'COMMAND DOCS')) as Record<string, unknown>;
    writeFileSync(DOCS_DATA_FILE, docsFile({ ...docsOfSpecifications(specifications, rows), ...docs }));
  } finally {
    server.kill();
  }
}

/** What specification files say of commands that the server does not have. */
function docsOfSpecifications(specifications: readonly string[], rows: readonly CommandRow[]): Record<string, unknown> {
  const younger = new Set(rows.filter(row => row[9] !== 'base').map(row => row[0]));
  const docs: Record<string, unknown> = {};
  for (const where of [...specifications].reverse()) {
    for (const [name, { summary, since, group }] of readSpecifications(where)) {
      if (younger.has(name)) docs[name] = { summary, since, group };
    }
  }
  return docs;
}

const PRESENTED = 'with `present_as: cluster` [as a cluster of one node](cluster.md#libraries-in-cluster-mode)';
const BEGIN = '<!-- commands: written by scripts/redis-commands.ts -->';
const END = '<!-- end of commands -->';

/** One line per way of being served, in the order of the reader's interest. */
function serviceOf(command: Command): string {
  if (command.refusal !== null) {
    const { family, isServedByOne, name } = command;
    if (family === 'cluster') {
      const isAnswered = IN_PRESENTED_CLUSTER.includes(name) || OF_SLOT.includes(name);
      return `Answered \`${CLUSTER_DISABLED}\`${isAnswered ? `; ${PRESENTED}` : ''}`;
    }
    const why = FAMILY_OF.get(name)!.why;
    return isServedByOne ? `A pool of one server: sent to it; of several: refused: ${why}` : `Refused: ${why}`;
  }
  switch (command.route) {
    case ROUTE_LOCAL:
      return 'Answered by Ringmaster itself';
    case ROUTE_SPLIT:
      return 'Sent to the servers of its keys, split by server; replies merged';
    case ROUTE_ALL:
    case ROUTE_AUDIENCE:
      return 'Sent to every server; replies merged';
    case ROUTE_ASIDE:
      return ASIDE;
    case ROUTE_CLIENTS:
      return CLIENTS;
    case ROUTE_EVERY:
      return EVERY;
    case ROUTE_SERVER:
      return SERVER;
    case ROUTE_ANY:
      return 'Sent to any server';
    case ROUTE_PRIVATE:
      return PRIVATE;
    case ROUTE_SUBSCRIPTION:
      return SUBSCRIPTION;
    case ROUTE_PUBLICATION:
      return CHANNEL;
    case ROUTE_SAME_SERVER:
      return SAME_SERVER;
    default:
      return ONE_KEY;
  }
}

const CLIENTS = 'Answered by all workers of Ringmaster together';
const ONE_KEY = 'Sent to the server of its key';
const SAME_SERVER = 'Sent to the server of its keys, which must be one';
const SUBSCRIPTION = 'For all clients of a worker over one connection to each server';
const CHANNEL = 'Sent to the server of its channel';
const PRIVATE = 'On a server connection that the client has to itself; the keys must be on one server';

const ASIDE =
  'Sent to every server, on connections of their own, which a script that runs does not hold up; replies merged';
const EVERY = 'Sent to every server, and an error where one cannot be reached; replies merged';
const SERVER = 'Sent to one server after the other; the cursor says which is next';

const SERVICES = [
  ONE_KEY,
  'Sent to the servers of its keys, split by server; replies merged',
  SAME_SERVER,
  PRIVATE,
  SUBSCRIPTION,
  CHANNEL,
  'Sent to any server',
  'Sent to every server; replies merged',
  EVERY,
  ASIDE,
  CLIENTS,
  SERVER,
  'Answered by Ringmaster itself',
];

const KEYED = 'Its keys get the prefix';
const NAMED = 'Its keys get the prefix, and names in its reply lose it';
const SORTED = 'Its keys and the patterns of `BY` and `GET` get the prefix';
const MATCHED = 'Its pattern gets the prefix, and names in its reply lose it';
const HEARD = 'Its channels get the prefix, and lose it in what comes back';
const COUNTED = 'Without the sections that count keys and commands of all';
const SCRIPTED = 'With `scripts_under_prefix: allow`, and the keys it is given get the prefix';
const SWEPT = 'The keys with the prefix are looked for on all servers, step by step';
const AS_EVER = 'As without a prefix';
const PREFIXED_SERVICES = [KEYED, NAMED, SORTED, MATCHED, HEARD, COUNTED, SWEPT, SCRIPTED, AS_EVER];

/** Under a key prefix; null: it is not served without one either. */
function prefixedServiceOf({ refusal, isServedByOne, family, prefixRule, keySpecs, finder }: Command): string | null {
  if (refusal !== null && !isServedByOne && family !== 'cluster') return null;
  const { names, reply, why, isScript } = prefixRule;
  if (isScript) return SCRIPTED;
  if (why !== null) return `Refused: ${why}`;
  switch (names) {
    case 'keys':
      if (finder === 'channel' || keySpecs.some(({ flags }) => flags.includes('not_key'))) return HEARD;
      return reply === SHAPE_PLAIN || reply === SHAPE_ERROR ? KEYED : NAMED;
    case 'sort':
      return SORTED;
    case 'pattern':
    case 'scan':
      return MATCHED;
    case 'topics':
    case 'channels':
      return HEARD;
    case 'info':
      return COUNTED;
    case 'sweep':
      return SWEPT;
    default:
      return AS_EVER;
  }
}

/** The commands by how they are served; those of which nothing is said are left out. */
function commandTable(title: string, services: readonly string[], of: (command: Command) => string | null): string {
  const groups = new Map<string, string[]>(services.map(service => [service, []]));
  for (const command of COMMANDS) {
    // A container is nothing without its subcommands.
    if (command.arity < -1 && command.subcommandList.length > 0) continue;
    const service = of(command);
    if (service === null) continue;
    const group = groups.get(service) ?? [];
    group.push(`\`${command.name.replace('|', ' ').toUpperCase()}\``);
    groups.set(service, group);
  }
  const lines = [...groups].map(([service, names]) => `| ${service} | ${names.sort().join(' ')} |`);
  return `| ${title} | Commands |\n| --- | --- |\n${lines.join('\n')}`;
}

function commandsSection(): string {
  const served = commandTable('How', SERVICES, serviceOf);
  const prefixed = commandTable(
    'Under a [key prefix](tenants.md#a-prefix-for-keys)',
    PREFIXED_SERVICES,
    prefixedServiceOf,
  );
  return `${BEGIN}\n\n${served}\n\n${prefixed}\n\n${END}`;
}

function withCommands(document: string): string {
  const from = document.indexOf(BEGIN);
  const to = document.indexOf(END);
  if (from < 0 || to < 0) throw new Error(`${DOCS_FILE} has no place for the commands`);
  return document.slice(0, from) + commandsSection() + document.slice(to + END.length);
}

const [what, redisServer = 'redis-server', ...specifications] = process.argv.slice(2);
if (what === 'data') await writeData(redisServer, specifications);
else if (what === 'docs') writeFileSync(DOCS_FILE, withCommands(readFileSync(DOCS_FILE, 'utf8')));
else if (what === 'check') {
  const document = readFileSync(DOCS_FILE, 'utf8');
  if (withCommands(document) !== document) {
    console.error('docs/redis.md is out of date: run node scripts/redis-commands.ts docs');
    process.exitCode = 1;
  }
} else {
  console.error('usage: node scripts/redis-commands.ts data [redis-server [specifications …]] | docs | check');
  process.exitCode = 1;
}
