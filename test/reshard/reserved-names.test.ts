// Names of what is kept on servers while keys move are no client's meanwhile: who lists keys and touches them one by one would move a mark
// away from where it is looked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCommand } from '../support/resp-reader.ts';
import { startTwoRings } from '../support/two-rings.ts';

const RESERVED =
  '-ERR names that end in :ringmaster:claim and its like are reserved while keys move to other servers\r\n';
const ENDINGS = [':ringmaster:moving', ':ringmaster:claim', ':ringmaster:parts:0123456789abcdef'];
const OTHERS = ['k:ringmaster', 'ringmaster:claim', 'k:ringmaster:claim:k', 'k:ringmaster:parts:x'];

test('requests that name one are refused while keys move, in their order, and so are transactions', async t => {
  const { servers, worker, moving, staying, moves, go } = await startTwoRings(t, {
    settings: ['reshard_patience: 25s'],
  });
  const client = await worker.client();
  const [mine, other] = [moving[0] as string, staying[0] as string];
  const names = ENDINGS.map(ending => mine + ending);
  const ask = async (...requests: readonly (readonly string[])[]) => {
    client.send(Buffer.concat(requests.map(request => encodeCommand(...request))));
    return (await client.readReplies(requests.length)).map(String);
  };
  for (const name of [...names, ...OTHERS, mine, other]) {
    assert.deepEqual(await ask(['SET', name, 'v']), ['+OK\r\n']);
  }
  await go('hold');
  await go('both');
  const before = await Promise.all(servers.map(server => server.command('KEYS', '*:ringmaster:*')));
  for (const name of names) {
    assert.deepEqual(
      await ask(
        ['GET', mine],
        ['GET', name],
        ['SET', name, 'w'],
        ['DEL', other, name],
        ['MGET', mine, name],
        ['GET', mine],
      ),
      ['$1\r\nv\r\n', RESERVED, RESERVED, RESERVED, RESERVED, '$1\r\nv\r\n'],
    );
    assert.deepEqual(await ask(['MULTI'], ['SET', name, 'w'], ['EXEC'], ['EXISTS', mine]), [
      '+OK\r\n',
      RESERVED,
      '-EXECABORT Transaction discarded because of previous errors.\r\n',
      ':1\r\n',
    ]);
  }
  // Others are moved as any.
  for (const name of OTHERS) assert.deepEqual(await ask(['GET', name]), ['$1\r\nv\r\n'], `${name} ${moves(name)}`);
  const after = await Promise.all(servers.map(server => server.command('KEYS', '*:ringmaster:*')));
  const ofThem = (all: readonly unknown[]) =>
    all.map(keys =>
      (keys as unknown[])
        .map(String)
        .filter(key => names.includes(key))
        .sort(),
    );
  assert.deepEqual(ofThem(after), ofThem(before));
  await go('new');
  assert.deepEqual(await ask(['SET', names[0] as string, 'v']), ['+OK\r\n']);
});
