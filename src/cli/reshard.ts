import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { ReshardStatus } from '../master/reshard/reshard-status.ts';
import { askDaemon, doorOf } from './admin-door.ts';
import { addDaemonCommand, type DaemonFlags } from './daemon-command.ts';
import { print } from './print.ts';
import { abortedText, pacedText, pausedText, planText, resumedText, startedText, statusText } from './reshard-text.ts';
import { outcomeOf } from './show.ts';
import { UsageError } from './usage-error.ts';

const PATH = '/api/v1/reshard';
const LOOK_EVERY_MS = 500;

interface StartFlags extends DaemonFlags {
  readonly pool?: string;
  readonly pace?: string;
  readonly maxStep?: string;
  readonly bigKeys?: string;
  readonly orphans?: string;
  readonly sample?: string;
  readonly ttl?: string;
  readonly wait?: boolean;
}

/** Adds `reshard` with all that can be done about one. */
export function addReshardCommands(program: Command): void {
  const reshard = program
    .command('reshard')
    .description('change the ring of a pool while clients work: keys move to the servers that have them in a new file');

  addStart(reshard, 'plan <file>', 'say what would move, how long it would take, and what is in the way')
    .option('--sample <keys>', 'keys of each server that are looked at (default: 10000)')
    .action((file: string, _flags: object, command: Command) =>
      send(command, 'plan', startBody(command, file), planText),
    );

  addStart(reshard, 'start <file>', 'begin to move keys to the ring of the new file')
    .option('--orphans <rule>', 'keys on servers that they do not belong to: refuse to start, or remove them', 'refuse')
    .option('--wait', 'until it is over; exit code 0 when the new ring is in force', false)
    .action(async (file: string, _flags: object, command: Command) => {
      const isStarted = await sent(command, 'start', startBody(command, file), startedText);
      if (isStarted && command.opts<StartFlags>().wait) await untilOver(command);
    });

  add(reshard, 'status', 'say how far it is').action((_flags: object, command: Command) => showStatus(command));
  add(reshard, 'pause', 'move no keys for the moment; clients go on bringing those they ask for').action(
    (_flags: object, command: Command) => send(command, 'pause', {}, pausedText),
  );
  add(reshard, 'resume', 'go on moving keys')
    .option('--big-keys <rule>', 'keys that take longer than the longest step: wait (move them last), or leave')
    .action((_flags: object, command: Command) => {
      const { bigKeys } = command.opts<StartFlags>();
      return send(command, 'resume', bigKeys === undefined ? {} : { bigKeys }, resumedText);
    });
  add(reshard, 'pace <rate>', 'move so many bytes in a second, such as 20mb/s').action(
    (pace: string, _flags: object, command: Command) => send(command, 'pace', { pace }, pacedText),
  );
  add(reshard, 'abort', 'move back what has moved, and keep the old ring')
    .option('--wait', 'until it is over; exit code 0 when the old ring is in force everywhere', false)
    .action(async (_flags: object, command: Command) => {
      const isBegun = await sent(command, 'abort', {}, abortedText);
      if (isBegun && command.opts<StartFlags>().wait) await untilOver(command);
    });
}

const add = (reshard: Command, usage: string, description: string): Command =>
  addDaemonCommand(reshard, usage, description);

function addStart(reshard: Command, usage: string, description: string): Command {
  const command = add(reshard, usage, description)
    .option('--pool <name>', 'take nothing but the ring of this pool from the file')
    .option('--pace <rate>', 'move so many bytes in a second (default: 10mb/s)')
    .option('--max-step <duration>', 'the longest that moving a key may keep its server (default: 100ms)')
    .option('--big-keys <rule>', 'keys that take longer: wait (move them last, the default), or leave')
    .option(
      '--ttl <duration>',
      'memcached that lists no keys: when all its keys have expired, and the new ring may take over',
    );
  const admin = command.options.find(({ long }) => long === '--admin');
  if (admin !== undefined) {
    admin.description =
      "admin addresses of all proxies, with commas between them; the first one coordinates (default: the file's)";
  }
  return command;
}

function startBody(command: Command, file: string): object {
  const { pool, pace, maxStep, bigKeys, orphans, sample, ttl, admin } = command.opts<StartFlags>();
  const peers = admin?.split(',').slice(1);
  return {
    file: textOf(file),
    ...{ pool, pace, maxStep, bigKeys, orphans, sample, ttl },
    ...(peers !== undefined && peers.length > 0 && { peers }),
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
}

async function send(command: Command, verb: string, body: object, text: (answer: never) => string): Promise<void> {
  await sent(command, verb, body, text);
}

/** True: it is done. */
async function sent(command: Command, verb: string, body: object, text: (answer: never) => string): Promise<boolean> {
  const { status, body: answer } = await asked(command, 'POST', `${PATH}/${verb}`, body);
  const { text: shown, exitCode } = outcomeOf(status, answer, command.opts<DaemonFlags>().json, text);
  await print(shown);
  process.exitCode = exitCode;
  return exitCode === 0;
}

async function showStatus(command: Command): Promise<void> {
  const { status, body } = await asked(command, 'GET', PATH);
  const { text, exitCode } = outcomeOf(status, body, command.opts<DaemonFlags>().json, statusText);
  await print(text);
  process.exitCode = exitCode;
}

/** Prints how it goes until it is over. A daemon that does not answer may be back soon: what it has begun goes on then. */
async function untilOver(command: Command): Promise<void> {
  const { json } = command.opts<DaemonFlags>();
  let last = '';
  for (;;) {
    const state = await statusOf(command);
    if (state !== null) {
      const text = statusText(state as never);
      if (!json && text !== last) await print(text);
      last = text;
      const { reshard } = state;
      if (reshard === null || (reshard.phase === 'over' && reshard.plan === null)) {
        if (json) await print(`${JSON.stringify(state, null, 2)}\n`);
        const wanted = command.name() === 'abort' ? ['undone', 'stopped'] : ['done'];
        process.exitCode = wanted.includes(reshard?.outcome ?? '') ? 0 : 1;
        return;
      }
    }
    await delay(LOOK_EVERY_MS);
  }
}

async function statusOf(command: Command): Promise<ReshardStatus | null> {
  try {
    const { status, body } = await asked(command, 'GET', PATH);
    return status === 200 ? (JSON.parse(body) as ReshardStatus) : null;
  } catch {
    return null;
  }
}

function asked(command: Command, method: 'GET' | 'POST', path: string, body?: object) {
  const own = command.opts<DaemonFlags>();
  const confFile = own.confFile ?? command.optsWithGlobals<{ confFile: string }>().confFile;
  const [admin] = own.admin?.split(',') ?? [];
  return askDaemon(method, doorOf(confFile, { ...own, ...(admin !== undefined && { admin }) }), path, body);
}
