// docs/openapi.json against what a daemon answers.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { askAdmin } from '../support/admin-client.ts';
import { accepts } from '../support/json-schema.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedis } from '../support/redis-server.ts';

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

const DOCUMENT = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')) as {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};

test('the OpenAPI file has the paths that there are, and answers are as it says', async t => {
  const servers = await Promise.all([startRedis(), startRedis()]);
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const settings = ['slowlog_threshold: 0', 'sample_one_in: 1'];
  const daemon = await startDaemon(t, {
    red: { protocol: 'redis', servers: servers.map(({ port }) => port), settings },
  });
  const client = await daemon.client('red');
  for (let i = 0; i < 50; i++) await client.command('SET', `k${i}`, 'v'.repeat(2000));
  await client.command('MGET', 'k1', 'k2', 'k3');

  const asked = new Set<string>();
  const ask = async (method: string, pattern: string, path: string, body?: object, isRefused = false) => {
    asked.add(`${method} ${pattern}`);
    const options = { method, ...(body !== undefined && { body }) };
    const { status, text } = await askAdmin(daemon.adminPort, `/api/v1${path}`, options);
    assert.equal(status === 200, !isRefused, `${method} ${path}: ${text}`);
    const { responses } = DOCUMENT.paths[pattern]![method.toLowerCase()]!;
    const { schema } = responses[isRefused ? 'default' : '200']!.content['application/json']!;
    assert.ok(accepts(schema as never, JSON.parse(text), DOCUMENT as never), `${method} ${path}: ${text}`);
    return JSON.parse(text);
  };

  await ask('PATCH', '/settings', '/settings', { set: { 'red.timeout': '300ms' } });
  await ask('PATCH', '/settings', '/settings', { set: { 'red.timeout': 'soon' } }, true);
  await ask('GET', '/settings/differences', '/settings/differences');
  const { block } = await ask('POST', '/blocks', '/blocks', { pool: 'red', key: 'hot', for: '10m' });
  await ask('POST', '/servers/{pool}/{server}/drain', '/servers/red/server-0/drain');
  await ask('GET', '/history', '/history?pool=red');
  await ask('GET', '/history', '/history?pool=none', undefined, true);
  await ask('GET', '/ring', '/ring?pool=red');
  for (const [pattern, methods] of Object.entries(DOCUMENT.paths)) {
    if (methods.get !== undefined && !['/stream', '/history', '/ring'].includes(pattern))
      await ask('GET', pattern, pattern);
  }
  const { clients } = await ask('GET', '/clients', '/clients?sort=age&count=1');
  await ask('DELETE', '/clients/{id}', `/clients/${clients[0].id}`);
  await ask('DELETE', '/clients/{id}', `/clients/${clients[0].id}`, undefined, true);
  client.destroy();
  await ask('POST', '/settings/save', '/settings/save');
  await ask('DELETE', '/blocks/{id}', `/blocks/${block.id}`);
  await ask('DELETE', '/blocks/{id}', `/blocks/${block.id}`, undefined, true);
  await ask('POST', '/servers/{pool}/{server}/readmit', '/servers/red/server-0/readmit');
  await ask('POST', '/servers/{pool}/{server}/eject', '/servers/red/server-1/eject');
  await ask('POST', '/upgrade', '/upgrade', { timeout: 'soon' }, true);

  // The second server leaves.
  await ask('POST', '/servers/{pool}/{server}/readmit', '/servers/red/server-1/readmit');
  const file = readFileSync(daemon.ringmaster.configFile, 'utf8').replace(/.*server-1.*\n/, '');
  const request = { file, pace: '1kb/s', orphans: 'remove' };
  await ask('POST', '/reshard/plan', '/reshard/plan', request);
  await ask('POST', '/reshard/plan', '/reshard/plan', { file: 'pools: {}' }, true);
  await ask('POST', '/reshard/pause', '/reshard/pause', undefined, true);
  await ask('POST', '/reshard/start', '/reshard/start', request);
  await ask('GET', '/reshard', '/reshard');
  await ask('POST', '/reshard/pause', '/reshard/pause');
  await ask('POST', '/reshard/resume', '/reshard/resume', { bigKeys: 'wait' });
  await ask('POST', '/reshard/pace', '/reshard/pace', { pace: '1kb/s' });
  await ask('POST', '/reshard/abort', '/reshard/abort');
  await ask('POST', '/reshard/part', '/reshard/part', { decision: {} }, true);

  const documented = Object.entries(DOCUMENT.paths).flatMap(([pattern, methods]) =>
    Object.keys(methods).map(method => `${method.toUpperCase()} ${pattern}`),
  );
  assert.deepEqual(
    documented.filter(each => !asked.has(each)),
    ['GET /stream'],
  );
  const { text } = await askAdmin(daemon.adminPort, '/nowhere');
  const paths = [...text.matchAll(/\/api\/v1(\/\S+)/g)].map(([, path]) => path!);
  assert.deepEqual(
    paths.sort(),
    Object.keys(DOCUMENT.paths)
      .filter(path => path !== '/stream')
      .sort(),
  );
  assert.equal(DOCUMENT.openapi, '3.1.0');
});
