// Fetches the source package of Debian's redis-server, in which Redis's own test suite is.
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const FOLDER = path.join(import.meta.dirname, '../node_modules/.cache/redis-suite');
const SOURCES = path.join(FOLDER, 'redis');

/** The folder with the sources, fetched once; ends the process with a message where they are not to be had. */
export function redisSourcesOrExit(): string {
  if (existsSync(path.join(SOURCES, 'tests/test_helper.tcl'))) return SOURCES;
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(path.join(FOLDER, 'lists/partial'), { recursive: true });
  // Machines are mostly set up for binary packages: the sources lie beside them.
  const targets = run('apt-get', ['indextargets', '--format', '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)']);
  const lines = targets
    .split('\n')
    .map(line => line.split('|'))
    .filter(([, , component, origin]) => component === 'main' && origin === 'Debian')
    .map(([uri, release]) => `deb-src ${uri} ${release} main`);
  writeFileSync(path.join(FOLDER, 'sources.list'), `${[...new Set(lines)].join('\n')}\n`);
  const ownLists = [
    `Dir::Etc::SourceList=${path.join(FOLDER, 'sources.list')}`,
    'Dir::Etc::SourceParts=/dev/null',
    `Dir::State::Lists=${path.join(FOLDER, 'lists')}`,
    'APT::Sandbox::User=root',
  ].flatMap(option => ['-o', option]);
  run('apt-get', [...ownLists, 'update']);
  run('apt-get', [...ownLists, 'source', '--download-only', 'redis']);
  const [archive] = globSync('redis_*.orig.tar.*', { cwd: FOLDER });
  if (archive === undefined) throw new Error('the source package of redis has no archive');
  run('tar', ['-xf', archive]);
  const [unpacked] = globSync('redis-*/', { cwd: FOLDER });
  renameSync(path.join(FOLDER, String(unpacked)), SOURCES);
  return SOURCES;
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: FOLDER, encoding: 'utf8' });
  if (status === 0) return stdout;
  console.error(`${command} ${args.at(-1)}: ${stderr}\nThe source package of Debian's redis could not be fetched.`);
  process.exit(1);
}
