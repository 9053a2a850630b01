// In a file system that nobody can write to, as the first process of a namespace of its own: what a container with --read-only is.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { askAdmin } from '../support/admin-client.ts';
import { Child, run, temporaryDirectory } from '../support/child.ts';
import { freePorts } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { waitFor } from '../support/wait-for.ts';

const MAIN = path.join(import.meta.dirname, '../../src/main.ts');
const NOBODY = '65534';
/** Becomes `$2 …` as nobody, with all that is mounted at $1 as its file system, and nothing to be written in it. */
const ENTER = `
set -e
mount --rbind / "$1"
awk '{ print $5 }' /proc/self/mountinfo | grep "^$1" | while read -r each; do mount -o remount,bind,ro "$each"; done
root="$1"
shift
exec chroot "$root" setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups "$@"
`;

/** Null: this user, or this machine, may not. */
async function readOnly(t: TestContext, root: string, command: readonly string[]): Promise<Child | null> {
  const enter = (what: readonly string[]) => ['-mpf', '--kill-child', 'sh', '-c', ENTER, 'enter', root, ...what];
  if ((await run('unshare', enter(['true']))).code !== 0) return null;
  const child = new Child('unshare', enter(command));
  t.after(() => child.kill());
  return child;
}

test('serves, is set, reloads and replaces workers; what has to write or to outlive the container is refused', async t => {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const [adminPort, port] = (await freePorts(2)) as [number, number];
  const directory = temporaryDirectory('read-only');
  chmodSync(directory, 0o755);
  const root = path.join(directory, 'root');
  mkdirSync(root);
  const configFile = path.join(directory, 'ringmaster.yml');
  const pool = `{ listen: 127.0.0.1:${port}, protocol: redis, servers: ["127.0.0.1:${redis.port}"] }`;
  writeFileSync(configFile, `admin: 127.0.0.1:${adminPort}\nworkers: 2\npools:\n  p: ${pool}\n`);
  const child = await readOnly(t, root, [process.execPath, MAIN, '-c', configFile]);
  if (child === null) {
    t.skip('file systems may not be mounted here');
    return;
  }
  await waitFor(() => child.stderr().includes('ringmaster is ready'), { what: 'the start', timeoutMs: 30_000 });
  const ask = (method: string, at: string, body: object = {}) => askAdmin(adminPort, at, { method, body });
  const serves = async () => {
    const client = await RawClient.connect(port);
    t.after(() => client.destroy());
    assert.equal(await client.command('SET', 'key', 'value'), 'OK');
  };
  await serves();
  assert.equal((await ask('PATCH', '/api/v1/settings', { set: { 'p.timeout': '321ms' } })).status, 200);
  assert.match((await ask('POST', '/api/v1/settings/save')).text, /cannot write .*EROFS/);
  assert.equal((await ask('POST', '/-/reload')).status, 200);
  assert.equal((await ask('POST', '/-/restart-workers')).status, 200);
  assert.match((await ask('POST', '/api/v1/upgrade')).text, /first process of a container/);
  await serves();
});
