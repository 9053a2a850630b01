// The walk-through of docs/resharding.md is run as it stands there, and must print what stands there.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run, temporaryDirectory } from '../support/child.ts';
import { freePorts } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { startRingmaster } from '../support/ringmaster.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCUMENT = readFileSync(path.join(ROOT, 'docs/resharding.md'), 'utf8');
const KEYS = 200;

/** Numbers are those of the servers. */
const withoutNumbers = (text: string) => text.replace(/\d[\d.,]*/g, 'N');

/** A line of dots stands for any lines. */
function patternOf(output: string): RegExp {
  const lines = withoutNumbers(output).split('\n');
  return new RegExp(
    `^${lines.map(line => (line === '...' ? '[^]*?' : `${line.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')}\\n`)).join('')}$`.replace(
      /\\n\$$/,
      '$',
    ),
  );
}

test('the walk-through of docs/resharding.md', async t => {
  const servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const [port, admin] = (await freePorts(2)) as [number, number];
  const ports: Readonly<Record<string, number>> = {
    ...{ 22121: port, 22223: admin },
    ...{ 6379: servers[0]!.port, 6380: servers[1]!.port, 6381: servers[2]!.port },
  };
  const withPorts = (text: string) => text.replace(/\b(?:22121|22223|6379|6380|6381)\b/g, each => String(ports[each]));

  const dir = temporaryDirectory('docs');
  for (const [, name, text] of DOCUMENT.matchAll(/^```yaml (\S+)\n(.*?)^```$/gms)) {
    writeFileSync(path.join(dir, name!), withPorts(text!));
  }
  const program = path.join(dir, 'ringmaster');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${path.join(ROOT, 'src/main.ts')}' "$@"\n`);
  chmodSync(program, 0o755);
  const daemon = await startRingmaster({ configFile: path.join(dir, 'ringmaster.yml'), config: '', workers: 1 });
  t.after(() => daemon.kill());
  const client = await RawClient.connect(port);
  for (let i = 0; i < KEYS; i++) await client.command('SET', `key:${i}`, `value ${i}`);

  const examples = [...DOCUMENT.matchAll(/^```console\n(.*?)^```$/gms)].flatMap(([, block]) => [
    ...block!.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm),
  ]);
  assert.ok(examples.length >= 5);
  for (const [, command, output] of examples) {
    await t.test(command!, async () => {
      const env = { ...process.env, PATH: `${dir}:${process.env.PATH}` };
      const { stdout } = await run('/bin/sh', ['-c', `{ ${command}\n} 2>&1`], { cwd: dir, env });
      assert.match(withoutNumbers(stdout), patternOf(output!), stdout);
    });
  }
  for (let i = 0; i < KEYS; i++) assert.equal(String(await client.command('GET', `key:${i}`)), `value ${i}`);
  assert.ok(((await servers[2]!.command('DBSIZE')) as number) > 0);
  client.destroy();
});
