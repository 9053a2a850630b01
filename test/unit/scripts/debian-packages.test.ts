import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ensurePackages, type Host, MissingPackagesError } from '../../../scripts/debian-packages.ts';
import { SERVERS } from '../../../scripts/ensure-servers.ts';

/** A pretended machine: the commands it has, and those that an installation would add. */
class FakeHost implements Host {
  readonly lines: string[] = [];
  readonly calls: string[][] = [];
  readonly commands: Set<string>;
  uid = 0;
  installs: string[] = [];
  sudoCode = 0;

  constructor(...commands: string[]) {
    this.commands = new Set(commands);
  }

  has(command: string): boolean {
    return this.commands.has(command);
  }

  isRoot(): boolean {
    return this.uid === 0;
  }

  run(command: string, args: readonly string[]): { code: number; output: string } {
    this.calls.push([command, ...args]);
    if (args.join(' ') === '-n true') return { code: this.sudoCode, output: '' };
    for (const each of this.installs) this.commands.add(each);
    return { code: this.installs.length > 0 ? 0 : 100, output: 'Reading package lists...\nE: no such package\n' };
  }

  print(line: string): void {
    this.lines.push(line);
  }
}

const REDIS = ['redis-server', 'redis-cli', 'redis-benchmark'];

test('does and says nothing when everything is there', () => {
  const host = new FakeHost(...REDIS, 'memcached');
  ensurePackages(SERVERS, ['redis', 'memcached'], host);
  assert.deepEqual([host.calls, host.lines], [[], []]);
});

test('as root, installs the packages of what is missing and nothing else', () => {
  const host = new FakeHost('apt-get', 'redis-server', 'redis-cli', 'memcached');
  host.installs = ['redis-benchmark', 'nutcracker'];
  ensurePackages(SERVERS, ['redis', 'memcached', 'nutcracker'], host);
  assert.equal(host.calls.length, 1);
  const [command, flag, script, ...rest] = host.calls[0]!;
  assert.deepEqual([command, flag, ...rest], ['sh', '-c', 'sh', 'redis-server', 'redis-tools', 'nutcracker']);
  assert.match(script!, /apt-get .*update\napt-get .*install -y/);
  assert.match(
    host.lines[0]!,
    /^Not on this machine: redis-benchmark, nutcracker\. Installing redis-server redis-tools/,
  );
});

test('without root, goes through a sudo that asks for nothing', () => {
  const host = new FakeHost('apt-get', 'sudo');
  host.uid = 1000;
  host.installs = ['memcached'];
  ensurePackages(SERVERS, ['memcached'], host);
  assert.deepEqual(host.calls[0], ['sudo', '-n', 'true']);
  assert.deepEqual(host.calls[1]!.slice(0, 4), ['sudo', '-n', 'sh', '-c']);
});

for (const [why, prepare, says] of [
  ['without apt-get', (host: FakeHost) => host.commands.delete('apt-get'), /no apt-get here/],
  ['without root and sudo', (host: FakeHost) => (host.uid = 1000), /takes root/],
  [
    'with a sudo that wants a password',
    (host: FakeHost) => {
      host.uid = 1000;
      host.commands.add('sudo');
      host.sudoCode = 1;
    },
    /takes root/,
  ],
  ['when the installation fails', () => {}, /E: no such package[\s\S]*ended with code 100/],
] as const) {
  test(`${why}, fails with what to install`, () => {
    const host = new FakeHost('apt-get');
    prepare(host);
    assert.throws(
      () => ensurePackages(SERVERS, ['redis', 'memcached'], host),
      (error: Error) => {
        assert.ok(error instanceof MissingPackagesError);
        assert.match(error.message, /Not on this machine: redis-server, redis-cli, redis-benchmark, memcached\./);
        assert.match(error.message, /sudo apt-get install redis-server redis-tools memcached\)/);
        assert.match(error.message, says);
        return true;
      },
    );
  });
}

describe('a library', () => {
  const TABLE = {
    'py-thing': {
      commands: ['/usr/bin/python3'],
      probe: ['/usr/bin/python3', '-c', 'import thing'],
      packages: ['python3-thing'],
    },
  } as const;

  /** Has the interpreter; the library only once apt-get ran, if that brings it. */
  class LibraryHost extends FakeHost {
    isThere = false;
    isPackaged = true;

    override run(command: string, args: readonly string[]): { code: number; output: string } {
      this.calls.push([command, ...args]);
      if (args[0] === '-c' && args[1] === 'import thing') return { code: this.isThere ? 0 : 1, output: '' };
      this.isThere = this.isPackaged;
      return { code: 0, output: '' };
    }
  }

  test('is there when its probe succeeds', () => {
    const host = new LibraryHost('/usr/bin/python3');
    host.isThere = true;
    ensurePackages(TABLE, ['py-thing'], host);
    assert.deepEqual([host.calls.length, host.lines], [1, []]);
  });

  test('is installed when its probe fails', () => {
    const host = new LibraryHost('/usr/bin/python3', 'apt-get');
    ensurePackages(TABLE, ['py-thing'], host);
    assert.equal(host.calls[2]!.at(-1), 'python3-thing');
    assert.match(host.lines[0]!, /what "\/usr\/bin\/python3 -c import thing" needs/);
  });

  test('is missed when the probe fails after the installation too', () => {
    const host = new LibraryHost('/usr/bin/python3', 'apt-get');
    host.isPackaged = false;
    assert.throws(() => ensurePackages(TABLE, ['py-thing'], host), /Install python3-thing and try again/);
  });
});
