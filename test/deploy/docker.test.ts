// What the containers are given. They themselves are tried by hand: CI has no container engine.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { run, temporaryDirectory } from '../support/child.ts';
import { runRingmaster } from '../support/ringmaster.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const DIRECTORY = path.join(ROOT, 'deploy/docker');

interface Compose {
  readonly services: Record<string, { readonly volumes?: readonly string[]; readonly depends_on?: readonly string[] }>;
}

const compose = parse(readFileSync(path.join(DIRECTORY, 'compose.yml'), 'utf8'), { merge: true }) as Compose;

test('all that compose.yml mounts is there, and what it waits for it starts', () => {
  for (const { volumes = [], depends_on: needs = [] } of Object.values(compose.services)) {
    for (const volume of volumes) assert.ok(existsSync(path.join(DIRECTORY, volume.split(':')[0]!)), volume);
    for (const service of needs) assert.ok(service in compose.services, service);
  }
});

test('Ringmaster accepts its file, whose servers are services of compose.yml', async () => {
  const file = path.join(DIRECTORY, 'ringmaster.yml');
  const done = await runRingmaster(['-t', '-c', file]);
  assert.equal(done.code, 0, done.stderr);
  const { pools } = parse(readFileSync(file, 'utf8')) as { pools: Record<string, { servers: { address: string }[] }> };
  for (const { address } of Object.values(pools).flatMap(pool => pool.servers)) {
    assert.ok(address.split(':')[0]! in compose.services, address);
  }
});

test('promtool accepts the configuration of Prometheus', async () => {
  const rules = path.join(ROOT, 'deploy/prometheus/ringmaster.rules.yml');
  const file = path.join(temporaryDirectory('prometheus'), 'prometheus.yml');
  const text = readFileSync(path.join(DIRECTORY, 'prometheus.yml'), 'utf8');
  writeFileSync(file, text.replace('/etc/prometheus/ringmaster.rules.yml', rules));
  const done = await run('promtool', ['check', 'config', file]);
  assert.equal(done.code, 0, `${done.stdout}${done.stderr}`);
  assert.match(done.stdout, /rules found/);
});

test('what the Dockerfile copies into the build is let through by .dockerignore', () => {
  const ignored = readFileSync(path.join(ROOT, '.dockerignore'), 'utf8').split('\n');
  const lines = readFileSync(path.join(ROOT, 'Dockerfile'), 'utf8').matchAll(/^COPY (?!--from)(.+) \S+$/gm);
  for (const file of [...lines].flatMap(([, files]) => files!.split(' '))) {
    assert.ok(existsSync(path.join(ROOT, file)), file);
    assert.ok(ignored.includes(`!${file}`), `${file} is not in .dockerignore`);
  }
});
