// One client asks a shared server connection for gigabytes at once; the others must not wait for them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMemcached } from '../support/memcached-server.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedis } from '../support/redis-server.ts';
import { ask, WIRES } from '../support/wire.ts';

const MIB = 1 << 20;
const COUNT = 4096;

for (const wire of WIRES) {
  test(`${wire.protocol}: ${COUNT} pipelined gets of a 1 MB value make nobody's request late`, async t => {
    const server = await (wire.protocol === 'redis' ? startRedis() : startMemcached({ args: ['-I', '2m'] }));
    t.after(() => server.stop());
    const settings = ['timeout: 1500ms', 'auto_eject_hosts: true', 'server_failure_limit: 1'];
    const daemon = await startDaemon(t, { pool: { protocol: wire.protocol, servers: [server.port], settings } });
    const [greedy, bystander] = await Promise.all([daemon.client('pool'), daemon.client('pool')]);
    const value = 'v'.repeat(MIB - 1024);
    const isRedis = wire.protocol === 'redis';
    greedy.send(
      isRedis
        ? `*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$${value.length}\r\n${value}\r\n`
        : `set big 0 0 ${value.length}\r\n${value}\r\n`,
    );
    await greedy.readLine();
    bystander.send(wire.set('small'));
    await bystander.readLine();
    const replyBytes = isRedis
      ? `$${value.length}\r\n\r\n`.length
      : `VALUE big 0 ${value.length}\r\n\r\nEND\r\n`.length;
    const wanted = COUNT * (replyBytes + value.length);
    // It reads as fast as it can, and looks at nothing.
    let got = 0;
    greedy.socket.removeAllListeners('data');
    greedy.socket.on('data', chunk => {
      got += chunk.length;
    });
    greedy.send(wire.get('big').repeat(COUNT));
    for (let asked = 0; got < wanted; asked++) {
      assert.equal(await ask(bystander, wire, 'small'), wire.value('small'), `lookup ${asked}, ${got} bytes in`);
    }
    assert.equal(got, wanted);
    assert.equal(await daemon.metric('ringmaster_pool_server_ejects_total'), 0);
    assert.equal(await daemon.metric('ringmaster_server_timeouts_total'), 0);
    greedy.destroy();
    bystander.destroy();
  });
}
