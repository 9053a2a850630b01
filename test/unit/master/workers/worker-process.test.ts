import assert from 'node:assert/strict';
import cluster from 'node:cluster';
import { test } from 'node:test';
import type { Config } from '../../../../src/config/config.ts';
import { WorkerProcess, type WorkerProcessEvents } from '../../../../src/master/workers/worker-process.ts';
import { CollectedLog } from '../../../support/collected-log.ts';
import { within } from '../../../support/wait-for.ts';

test('a worker that the system does not start is gone, with the reason: nobody waits for it', async t => {
  const { execPath } = process;
  t.after(() => {
    process.execPath = execPath;
  });
  cluster.setupPrimary({ exec: 'never-run.ts', args: [] });
  // Spawning it fails as it does when there are too many processes: by an 'error', without an 'exit'.
  process.execPath = '/nowhere/node';
  const exited = Promise.withResolvers<WorkerProcess>();
  const unexpected = () => assert.fail('it does not live');
  const events: WorkerProcessEvents = {
    log: new CollectedLog(),
    onServing: unexpected,
    onPlaces: unexpected,
    onTrouble: unexpected,
    onBlocking: () => assert.fail(),
    onHint: unexpected,
    onSeen: unexpected,
    onClients: unexpected,
    onReport: unexpected,
    onLeaving: unexpected,
    onExit: worker => exited.resolve(worker),
  };
  const worker = new WorkerProcess(
    0,
    { id: 1, config: { pools: [] as readonly unknown[] } as Config },
    'info',
    [],
    events,
  );
  assert.equal(await within(exited.promise, { what: 'onExit' }), worker);
  assert.match(String(worker.failure), /^it could not be started: spawn .* ENOENT$/);
});
