// The published package: what `npm pack` makes, installed as a user would, runs as `ringmaster`.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { run, temporaryDirectory } from '../support/child.ts';
import { freePorts } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { startRingmaster } from '../support/ringmaster.ts';

const root = path.join(import.meta.dirname, '../..');

async function npm(cwd: string, ...args: string[]): Promise<string> {
  // npm is started by the Node that runs this test, so that its scripts and the installed command find that one.
  const env = { ...process.env, PATH: `${path.dirname(process.execPath)}:${process.env.PATH}` };
  const done = await run('npm', args, { cwd, env, timeoutMs: 240_000 });
  assert.equal(done.code, 0, `npm ${args.join(' ')}\n${done.stdout}\n${done.stderr}`);
  return done.stdout;
}

test('npm pack makes a package that installs and runs', async () => {
  const directory = temporaryDirectory('package');
  await npm(root, 'pack', '--pack-destination', directory);
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
  const tarball = path.join(directory, `ringmaster-${manifest.version}.tgz`);

  const listing = (await run('tar', ['-tzf', tarball])).stdout.split('\n');
  for (const file of [
    'dist/main.js',
    'dist/admin/page/page.js',
    'dist/sbom.cdx.json',
    'dist/admin/page/index.html',
    'deploy/grafana/ringmaster.json',
    'conf/ringmaster.yml',
    'CHANGELOG.md',
    'LICENSE',
    'package.json',
  ]) {
    assert.ok(listing.includes(`package/${file}`), `${file} is in the package`);
  }
  assert.deepEqual(
    listing.filter(file => /^package\/(?:src|test|scripts|bench|\.)/.test(file)),
    [],
  );

  writeFileSync(path.join(directory, 'package.json'), '{ "private": true }\n');
  await npm(directory, 'install', '--prefer-offline', '--ignore-scripts', tarball);
  const command = path.join(directory, 'node_modules', '.bin', 'ringmaster');
  const env = { ...process.env, PATH: `${path.dirname(process.execPath)}:${process.env.PATH}` };
  const version = await run(command, ['-V'], { env });
  assert.deepEqual([version.code, version.stderr], [0, '']);
  assert.ok(version.stdout.includes(manifest.version), version.stdout);

  const redis = await startRedis();
  const [port, admin] = await freePorts(2);
  const daemon = await startRingmaster({
    entry: path.join(directory, 'node_modules', 'ringmaster', 'dist', 'main.js'),
    config:
      `admin: 127.0.0.1:${admin}\n` +
      `pools:\n  p:\n    listen: 127.0.0.1:${port}\n    protocol: redis\n    servers: [127.0.0.1:${redis.port}]\n`,
    workers: 1,
  });
  const client = await RawClient.connect(port!);
  assert.equal(await client.command('SET', 'k', 'v'), 'OK');
  assert.deepEqual(await client.command('GET', 'k'), Buffer.from('v'));
  client.destroy();
  for (const file of ['', 'page/page.js', 'page/uPlot.esm.js']) {
    const response = await fetch(`http://127.0.0.1:${admin}/${file}`, { headers: { accept: 'text/html' } });
    assert.equal(response.status, 200, `/${file}`);
  }
  await daemon.stop();
  await redis.stop();
});
