// A client that changes the version of the protocol: its requests go to other server connections from then on.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { FakeFrontend } from '../../support/fake-pool.ts';
import { redisWords } from '../../support/request-splitter.ts';
import { encodeCommand, parseReply } from '../../support/resp-reader.ts';
import { waitFor } from '../../support/wait-for.ts';

const wire = (...lines: readonly string[]): string =>
  lines.map(line => encodeCommand(...line.split(' ')).toString('latin1')).join('');

async function connected(t: TestContext) {
  const frontend = new FakeFrontend(2);
  const { far } = await frontend.connect(t);
  const backend = frontend.backend(0);
  const arrived = (count: number) => waitFor(() => backend.sent.length === count, { what: `${count} requests` });
  /** What was sent and not taken, as "GET key/variant". */
  const sent = () => backend.sent.map(each => `${redisWords(each.bytes).slice(0, 2).join(' ')}/${each.variant}`);
  return { frontend, far, backend, arrived, sent };
}

test('requests go to the connections of the version that the client has at that time', async t => {
  const { far, backend, arrived, sent } = await connected(t);
  far.send(wire('GET 0a'));
  await arrived(1);
  backend.sent[0]!.reply('+a\r\n');
  assert.equal((await far.readReply()).toString(), '+a\r\n');
  far.send(wire('HELLO 3', 'GET 0b', 'MGET 0c 1d'));
  await arrived(3);
  assert.equal((await far.readReply()).toString('latin1', 0, 4), '%7\r\n');
  far.send(wire('HELLO 4', 'GET 0e'));
  await arrived(4);
  assert.deepEqual(sent(), ['GET 0a/0', 'GET 0b/1', 'MGET 0c/1', 'GET 0e/1']);
});

for (const change of ['HELLO 3', 'RESET', 'HELLO 2']) {
  for (const split of ['together', 'in pieces']) {
    test(`after ${change}, ${split}, nothing is sent before what came earlier is answered`, async t => {
      const { far, backend, arrived, sent, frontend } = await connected(t);
      const before = change === 'HELLO 3' ? 0 : 1;
      if (before === 1) {
        far.send(wire('HELLO 3'));
        await far.readReply();
      }
      const stream = wire('SET 0a 1', 'SET 0b 2', change, 'GET 0a', change, 'GET 0b');
      const bytesBefore = frontend.stats.requestBytes;
      const cut = split === 'together' ? stream.length : stream.indexOf(change.split(' ')[0]!) + 1;
      far.send(stream.slice(0, cut));
      await waitFor(() => frontend.stats.requestBytes === bytesBefore + cut, { what: 'the first piece' });
      far.send(stream.slice(cut));
      await waitFor(() => frontend.stats.requestBytes === bytesBefore + stream.length, { what: 'all of it' });
      await arrived(2);
      backend.sent[0]!.reply('+one\r\n');
      assert.equal((await far.readReply()).toString(), '+one\r\n');
      far.send(wire('GET 0c'));
      assert.deepEqual(sent(), [`SET 0a/${before}`, `SET 0b/${before}`]);
      backend.sent[1]!.reply('+two\r\n');
      assert.equal((await far.readReply()).toString(), '+two\r\n');
      // The second change changes nothing, so what follows does not wait.
      await arrived(5);
      const after = 1 - before;
      assert.deepEqual(sent().slice(2), [`GET 0a/${after}`, `GET 0b/${after}`, `GET 0c/${after}`]);
      backend.sent[4]!.reply('+five\r\n');
      backend.sent[3]!.reply('+four\r\n');
      backend.sent[2]!.reply('+three\r\n');
      const replies = (await far.readReplies(5)).map(reply => parseReply(reply));
      assert.deepEqual([replies[1], replies[3], replies[4]], ['three', 'four', 'five']);
    });
  }
}

test('a client that ended its side after the change still gets every answer', async t => {
  const { far, backend, arrived } = await connected(t);
  far.send(wire('SET 0a 1', 'HELLO 3', 'GET 0a'));
  far.end();
  await arrived(1);
  backend.take().reply('+OK\r\n');
  await arrived(1);
  backend.take().reply('_\r\n');
  const said = (await far.readToEnd()).toString();
  assert.match(said, /^\+OK\r\n%7\r\n[\s\S]*_\r\n$/);
  await far.closed;
});

test('a client whose earlier request fails goes on after the change', async t => {
  const { far, backend, arrived, sent } = await connected(t);
  far.send(wire('SET 0a 1', 'HELLO 3', 'GET 0a'));
  await arrived(1);
  backend.take().fail('timed_out');
  await arrived(1);
  assert.deepEqual(sent(), ['GET 0a/1']);
});
