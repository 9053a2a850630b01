// What npm run test:apps needs besides servers: libraries of other languages from Debian's packages, those of Node by npm.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ensurePackagesOrExit, type Requirement } from './debian-packages.ts';

const APPS = path.join(import.meta.dirname, '../test/apps');

// Debian's interpreters by their paths: another one that is first on the PATH does not see Debian's libraries.
const PYTHON = '/usr/bin/python3';
const RUBY = '/usr/bin/ruby';
const PHP = '/usr/bin/php';

const LIBRARIES = {
  'redis-py': { commands: [PYTHON], probe: [PYTHON, '-c', 'import redis'], packages: ['python3', 'python3-redis'] },
  celery: {
    commands: [PYTHON],
    probe: [PYTHON, '-c', 'import celery, redis'],
    packages: ['python3', 'python3-celery', 'python3-redis'],
  },
  rq: { commands: [PYTHON], probe: [PYTHON, '-c', 'import rq'], packages: ['python3', 'python3-rq'] },
  sidekiq: {
    commands: [RUBY, 'sidekiq'],
    probe: [RUBY, '-e', 'require "sidekiq"'],
    packages: ['ruby', 'ruby-sidekiq'],
  },
  phpredis: {
    commands: [PHP],
    probe: [PHP, '-r', 'exit(extension_loaded("redis") ? 0 : 1);'],
    packages: ['php-cli', 'php-redis'],
  },
  memccapable: { commands: ['memccapable'], packages: ['libmemcached-tools'] },
  'python-memcached': {
    commands: [PYTHON],
    probe: [PYTHON, '-c', 'import pylibmc, pymemcache, bmemcached'],
    packages: ['python3', 'python3-pylibmc', 'python3-pymemcache', 'python3-binary-memcached'],
  },
  dalli: { commands: [RUBY], probe: [RUBY, '-e', 'require "dalli"'], packages: ['ruby', 'ruby-dalli'] },
  'php-memcached': {
    commands: [PHP],
    probe: [PHP, '-r', 'exit(extension_loaded("memcached") ? 0 : 1);'],
    packages: ['php-cli', 'php-memcached'],
  },
} as const satisfies Record<string, Requirement>;

/** Has the libraries that an app's test runs in another language; apps of Node and unknown ones want nothing here. */
export function ensureDebianLibrariesOrExit(apps: readonly string[]): void {
  ensurePackagesOrExit(LIBRARIES, apps.filter(app => Object.hasOwn(LIBRARIES, app)) as (keyof typeof LIBRARIES)[]);
}

/** Installs what the lock file of test/apps says, unless that was done before. Returns npm's exit code. */
export function installNodeLibraries(): number {
  const lock = readFileSync(path.join(APPS, 'package-lock.json'), 'utf8');
  // What was installed from, kept beside it: npm has no command that only compares.
  const installed = path.join(APPS, 'node_modules/.installed-lock.json');
  if (readIfThere(installed) === lock) return 0;
  console.log('Installing the libraries of test/apps with npm.');
  const { status, error } = spawnSync('npm', ['ci', '--prefix', APPS, '--no-audit', '--no-fund'], { stdio: 'inherit' });
  if (error !== undefined) console.error(`npm ci: ${error.message}`);
  if (status === 0) writeFileSync(installed, lock);
  return status ?? 1;
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
