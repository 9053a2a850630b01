// Servers that are too old for meta commands, or do not say how old they are: nothing goes to them that they would misread.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeResponses, packet, responseLength, storeExtras } from '../support/binary-packets.ts';
import { answering, startFakeBackend } from '../support/fake-backend.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { memcachedRequest } from '../support/request-splitter.ts';

const WORDS = 'server does not speak the version of the protocol that this client has chosen';

for (const version of ['VERSION 1.5.22\r\n', 'VERSION 1.6.9\r\n', 'ERROR\r\n']) {
  test(`a server that answers ${JSON.stringify(version)} gets no meta command, and serves text`, async t => {
    const asked: string[] = [];
    const server = await startFakeBackend(
      answering(memcachedRequest, request => {
        const text = request.toString('latin1');
        asked.push(text);
        return text === 'version\r\n' ? version : 'END\r\n';
      }),
    );
    t.after(() => server.close());
    const daemon = await startDaemon(t, { pool: { protocol: 'memcached', servers: [server.port] } });
    const text = await daemon.client('pool');
    const refusal = `SERVER_ERROR ${WORDS}\r\n`;
    // Before and after the server has said its version.
    for (let round = 0; round < 2; round++) {
      text.send('ms k 11\r\nflush_all\r\n\r\n');
      assert.equal((await text.readLine()).toString(), refusal);
      text.send('mg k v q\r\nget k\r\n');
      const want = `${refusal}END\r\n`;
      assert.equal((await text.readUntil(want.length)).toString(), want);
    }
    const binary = await daemon.client('pool');
    binary.send(packet('setq', { key: 'k', value: 'flush_all\r\n', extras: storeExtras() }));
    const [refused] = describeResponses(await binary.readUntil(responseLength), false);
    assert.equal(refused, `setq status 131 opaque 3735928559 "" "" ${JSON.stringify(WORDS)}`);
    binary.send(packet('get', { key: 'k' }));
    assert.match(describeResponses(await binary.readUntil(responseLength))[0]!, /^get status 1 /);
    text.destroy();
    binary.destroy();
    assert.deepEqual(
      asked.filter(request => !/^(?:version|gets? k)\r\n$/.test(request)),
      [],
    );
  });
}
