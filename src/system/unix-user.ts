import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Whom a process may run as. */
export interface UnixUser {
  /** null: of a number that has no name. */
  readonly name: string | null;
  readonly uid: number;
  readonly gid: number;
}

const NUMBER = /^[0-9]{1,10}$/;
/** How long another source of users than the files (LDAP, systemd) may take to say that it has one. */
const ASK_WITHIN_MS = 10_000;
// Fields of passwd(5) and group(5).
const NAME = 0;
const ID = 2;
const PRIMARY_GROUP = 3;

/**
 * A user of this machine and its group, each by name or number. `group` null: the user's own.
 * Throws an Error whose message is a sentence for the operator.
 */
export function findUnixUser(user: string, group: string | null): UnixUser {
  const entry = entryOf('passwd', user);
  if (entry === null && !NUMBER.test(user)) throw new Error(`this machine has no user "${user}"`);
  const uid = Number(entry?.[ID] ?? user);
  if (group === null) {
    if (entry === null) throw new Error(`this machine has no user ${user}, so it needs a group, too`);
    return { name: entry[NAME] as string, uid, gid: Number(entry[PRIMARY_GROUP]) };
  }
  const groupEntry = entryOf('group', group);
  if (groupEntry === null && !NUMBER.test(group)) throw new Error(`this machine has no group "${group}"`);
  return { name: entry?.[NAME] ?? null, uid, gid: Number(groupEntry?.[ID] ?? group) };
}

/** For messages. */
export function userText({ name, uid }: UnixUser): string {
  return name ?? `user ${uid}`;
}

/** Its fields; null: there is none. A name is looked for first, as chown(1) does, then a number. */
function entryOf(database: 'passwd' | 'group', wanted: string): readonly string[] | null {
  const entries = linesOf(database).map(line => line.split(':'));
  const byName = entries.find(fields => fields[NAME] === wanted);
  const byNumber = NUMBER.test(wanted) ? entries.find(fields => Number(fields[ID]) === Number(wanted)) : undefined;
  return byName ?? byNumber ?? askedOf(database, wanted);
}

function linesOf(database: string): string[] {
  try {
    return readFileSync(`/etc/${database}`, 'utf8').split('\n');
  } catch {
    return [];
  }
}

/** What the system knows from elsewhere than its files. */
function askedOf(database: string, wanted: string): readonly string[] | null {
  const { stdout, status } = spawnSync('getent', ['--', database, wanted], {
    encoding: 'utf8',
    timeout: ASK_WITHIN_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 ? (stdout.split('\n')[0] as string).split(':') : null;
}
