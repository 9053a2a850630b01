import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { Config } from '../../../src/config/config.ts';
import { ConfigError } from '../../../src/config/errors.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { RereadConfig } from '../../../src/config/reread-config.ts';
import { temporaryDirectory } from '../../support/child.ts';

const GOOD = 'pools:\n  p:\n    listen: 127.0.0.1:22121\n    protocol: redis\n    servers: [10.0.0.1:6379]\n';

/** Too large to be read at once; its first pool has a secret in a file beside it. */
function large(port = 6379): string {
  let text = 'workers: 3\npools:\n';
  for (let pool = 0; pool < 20; pool++) {
    text += `  p${pool}:\n    listen: 127.0.0.1:${22000 + pool}\n    protocol: redis\n    hash: murmur\n`;
    if (pool === 0) text += '    redis_auth: { file: secret }\n';
    text += '    servers:\n';
    for (let server = 0; server < 100; server++) text += `      - 10.0.${pool}.${server}:${port}\n`;
  }
  return text;
}

/** The result, and how often a timer went off meanwhile. */
async function counted<T>(work: Promise<T>): Promise<{ result: T; turns: number }> {
  let turns = 0;
  const timer = setInterval(() => turns++, 2);
  try {
    return { result: await work, turns };
  } finally {
    clearInterval(timer);
  }
}

const load = async (reader: RereadConfig): Promise<Config> => (await counted(reader.loadInBackground())).result;

test('a file that is as it was is not read anew, and one that is broken does not hide what comes after', () => {
  const file = path.join(temporaryDirectory('config'), 'ringmaster.yml');
  writeFileSync(file, GOOD);
  const reader = new RereadConfig(file);
  const first = reader.load();
  assert.equal(reader.load(), first);
  writeFileSync(file, 'pools: 1\n');
  assert.throws(() => reader.load(), ConfigError);
  assert.throws(() => reader.load(), ConfigError);
  writeFileSync(file, GOOD.replace('22121', '22122'));
  const second = reader.load();
  assert.deepEqual(second, loadConfig(file));
  assert.notDeepEqual(second, first);
});

test('a large file is read beside the event loop, to the same frozen configuration', async () => {
  const directory = temporaryDirectory('config');
  const file = path.join(directory, 'ringmaster.yml');
  writeFileSync(path.join(directory, 'secret'), 'one\n', { mode: 0o600 });
  writeFileSync(file, large());
  const reader = new RereadConfig(file);
  const { result, turns } = await counted(reader.loadInBackground());
  assert.ok(turns > 5, `${turns} turns`);
  assert.deepEqual(result, loadConfig(file));
  assert.equal(result.pools[0]?.redisAuth, 'one');
  assert.ok(Object.isFrozen(result) && Object.isFrozen(result.pools) && Object.isFrozen(result.pools[19]?.servers[99]));
  assert.equal(await load(reader), result);
  assert.equal(reader.load(), result);
  // A secret that is another makes it another.
  writeFileSync(path.join(directory, 'secret'), 'two\n');
  const second = await load(reader);
  assert.equal(second.pools[0]?.redisAuth, 'two');
  writeFileSync(file, large(6380));
  assert.deepEqual(await load(reader), loadConfig(file));
});

test('what is wrong with a large file is said as it is of a small one, and the next is read', async () => {
  const directory = temporaryDirectory('config');
  const file = path.join(directory, 'ringmaster.yml');
  writeFileSync(path.join(directory, 'secret'), 'one\n', { mode: 0o600 });
  const reader = new RereadConfig(file);
  for (const text of [
    large().replace('murmur', 'murmer').replace('file: secret', 'file: nowhere'),
    `# ${'x'.repeat(40_000)}\n`,
  ]) {
    writeFileSync(file, text);
    const expected = problemsOf(() => loadConfig(file));
    const { problems } = await counted(reader.loadInBackground()).then(
      () => assert.fail('it is wrong'),
      (error: unknown) => error as ConfigError,
    );
    assert.deepEqual(problems, expected);
  }
  writeFileSync(file, large());
  assert.deepEqual(await load(reader), loadConfig(file));
});

test('the small and the unreadable are read at once', async () => {
  const file = path.join(temporaryDirectory('config'), 'ringmaster.yml');
  const reader = new RereadConfig(file);
  await assert.rejects(reader.loadInBackground(), (error: ConfigError) => error instanceof ConfigError);
  writeFileSync(file, GOOD);
  assert.deepEqual(await reader.loadInBackground(), loadConfig(file));
});

function problemsOf(load: () => unknown): ConfigError['problems'] {
  try {
    load();
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  return assert.fail('it is wrong');
}
