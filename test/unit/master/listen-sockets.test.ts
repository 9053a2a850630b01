import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { ListenError } from '../../../src/master/errors.ts';
import { bindPool, type PoolSockets } from '../../../src/master/listen-sockets.ts';

async function bind(port: number): Promise<PoolSockets> {
  const listen = { host: '127.0.0.1', port };
  return bindPool({ name: 'sessions', listen }, { ip: '127.0.0.1', family: 4, port }, 2, false);
}

test('a port whose sockets nobody accepts from yet is taken all the same', async t => {
  const sockets = await bind(0);
  t.after(() => sockets.handles.forEach(each => void each.close()));
  const { port } = sockets.address as { port: number };
  assert.ok(port > 0);
  await assert.rejects(bind(port), error => {
    assert.ok(error instanceof ListenError);
    assert.equal(error.message, `pool sessions: cannot listen on 127.0.0.1:${port}: the address is in use`);
    return true;
  });
});

test('a client that comes before the workers waits for them', async t => {
  const sockets = await bind(0);
  t.after(() => sockets.handles.forEach(each => void each.close()));
  const { port } = sockets.address as { port: number };
  const client = net.connect(port, '127.0.0.1');
  t.after(() => client.destroy());
  await new Promise<void>((resolve, reject) => client.once('connect', resolve).once('error', reject));
});
