// The admin server on a unix socket: the command line finds it, a reload moves it, and what a killed daemon leaves is no obstacle.
import assert from 'node:assert/strict';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { runRingmaster, startRingmaster } from '../support/ringmaster.ts';

test('without a port, all that an operator asks goes over the socket', async t => {
  const dir = temporaryDirectory('admin');
  const [first, second] = [path.join(dir, 'a.sock'), path.join(dir, 'b.sock')];
  const listen = await freePort();
  const config = (socket: string) =>
    `admin: false\nadmin_socket: ${socket}\nadmin_token: geheim\npools:\n  red:\n    listen: 127.0.0.1:${listen}\n` +
    `    protocol: redis\n    servers: ['127.0.0.1:1']\n`;
  const killed = await startRingmaster({ config: config(first), workers: 1 });
  t.after(() => killed.kill());
  assert.equal(statSync(first).mode & 0o777, 0o600);
  await killed.kill();
  assert.equal(existsSync(first), true);

  const daemon = await startRingmaster({ config: config(first), workers: 1 });
  t.after(() => daemon.kill());
  const cli = (...args: string[]) => runRingmaster([...args, '-c', daemon.configFile]);
  assert.match((await cli('stats')).stdout, /^ringmaster .*\nred +redis/ms);
  // No token is asked for: whoever may open the file may do this.
  const set = await runRingmaster(['set', 'red.timeout', '300ms', '--admin', `unix:${first}`]);
  assert.equal(set.code, 0, set.stderr);
  assert.match((await cli('events', '-n', '1')).stdout, /setting_changed +by=\S+ from the admin socket /);

  // Requests one after the other on one connection.
  const client = await RawClient.connect(first);
  for (let i = 0; i < 200; i++) {
    client.send('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.readUntil('ok\n');
  }

  // Another mode, then another place.
  daemon.writeConfig(config(`${first} 0660`));
  assert.equal((await cli('reload')).code, 0);
  assert.equal(statSync(first).mode & 0o777, 0o660);
  daemon.writeConfig(config(second));
  assert.equal((await runRingmaster(['reload', '--admin', first])).code, 0);
  assert.equal(existsSync(first), false);
  await client.readToEnd();
  assert.equal((await cli('stats')).code, 0);

  // A path that cannot be had: nothing changes.
  daemon.writeConfig(config('/nowhere/at/all.sock'));
  const refused = await runRingmaster(['reload', '--admin', second]);
  assert.deepEqual([refused.code, refused.stdout.includes('its directory does not exist')], [1, true]);
  assert.equal((await runRingmaster(['stats', '--admin', second])).code, 0);

  await daemon.stop();
  assert.equal(existsSync(second), false);
  const nobody = await runRingmaster(['stats', '--admin', second]);
  assert.deepEqual([nobody.code, nobody.stderr.includes('nobody listens there')], [1, true]);
});

test('a path that is a pool’s, or no path, is refused', async () => {
  const file = path.join(temporaryDirectory('admin'), 'ringmaster.yml');
  for (const [socket, complaint] of [
    ['/tmp/p.sock', /\/tmp\/p\.sock of admin_socket collides|collides with \/tmp\/p\.sock/],
    ['relative.sock', /admin_socket: must be an absolute path, not "relative\.sock"/],
    ['/tmp/a.sock 9', /admin_socket: "9" after the socket path is no file mode/],
  ] as const) {
    writeFileSync(
      file,
      `admin_socket: ${socket}\npools:\n  p: { listen: /tmp/p.sock, protocol: redis, servers: ['127.0.0.1:1'] }\n`,
    );
    const { code, stdout, stderr } = await runRingmaster(['check', file]);
    assert.equal(code, 1, socket);
    assert.match(stdout + stderr, complaint);
  }
});
