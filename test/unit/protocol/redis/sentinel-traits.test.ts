import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeReply } from '../../../../src/protocol/redis/resp.ts';
import { SENTINEL_TRAITS } from '../../../../src/protocol/redis/sentinel-traits.ts';

const NOBODY = null;
const PONG = Buffer.from('+PONG\r\n');
const { question, read, readEvents, readRole, roleQuestion, subscription } = SENTINEL_TRAITS;

const replica = (ip: string, port: string, flags: string) => encodeReply([['ip', ip, 'port', port, 'flags', flags]]);
const told = (replicas: Buffer = encodeReply([])) => [
  encodeReply(['10.0.0.1', '6379']),
  encodeReply(['name', 'a', 'config-epoch', '7']),
  replicas,
];

test('a Sentinel is asked for each master, after its credentials', () => {
  const asked = question({ user: null, password: 'secret' }, ['a', 'b']).toString();
  assert.ok(
    asked.startsWith(
      '*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*3\r\n$8\r\nSENTINEL\r\n$23\r\nGET-MASTER-ADDR-BY-NAME\r\n$1\r\na\r\n',
    ),
  );
  assert.ok(asked.endsWith('*1\r\n$4\r\nPING\r\n'));
  const withUser = question({ user: 'me', password: 'secret' }, []).toString();
  assert.ok(withUser.startsWith('*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$6\r\nsecret\r\n'));
});

test('what a Sentinel says of masters: where each is, how often it has failed over, the replicas that it can reach', () => {
  const replicas = encodeReply([
    ['ip', '10.0.0.2', 'port', '6379', 'flags', 'slave'],
    ['ip', '10.0.0.3', 'port', '6379', 'flags', 's_down,slave'],
    ['ip', '', 'port', '6379', 'flags', 'slave'],
    ['ip', '10.0.0.4', 'port', '0', 'flags', 'slave'],
  ]);
  const unknown = [Buffer.from('*-1\r\n'), Buffer.from('-ERR No such master with that name\r\n')];
  const answer = Buffer.concat([...told(replicas), ...unknown, unknown[1]!, PONG]);
  assert.deepEqual(read(answer, NOBODY, ['a', 'b']), [
    { host: '10.0.0.1', port: 6379, epoch: 7, replicas: [{ host: '10.0.0.2', port: 6379 }] },
    null,
  ]);
});

test('answers of no use are words', () => {
  const noAuth = Buffer.from('-NOAUTH Authentication required.\r\n');
  assert.match(String(read(Buffer.concat([noAuth, noAuth, noAuth, noAuth]), NOBODY, ['a'])), /NOAUTH/);
  const wrong = Buffer.from('-WRONGPASS no\r\n');
  assert.match(String(read(wrong, { user: null, password: 'x' }, ['a'])), /WRONGPASS/);
  assert.match(String(read(Buffer.from('HTTP/1.1 400\r\n'), NOBODY, ['a'])), /not its protocol/);
  const whole = Buffer.concat([...told(), PONG]);
  for (let end = 0; end < whole.length - PONG.length; end++) {
    assert.match(String(read(whole.subarray(0, end), NOBODY, ['a'])), /not its protocol/, `${end} bytes`);
  }
});

test('the role of a server', () => {
  const role = (...words: (string | number | readonly string[])[]) =>
    Buffer.concat([encodeReply(words as string[]), PONG]);
  assert.equal(readRole(role('master', 0, []), null), null);
  assert.equal(
    readRole(Buffer.concat([Buffer.from('+OK\r\n'), role('master', 0, [])]), { user: null, password: 'secret' }),
    null,
  );
  assert.match(String(readRole(role('slave', '10.0.0.1', 6379, 'connected', 1), null)), /its role is "slave"/);
  assert.match(String(readRole(Buffer.from('-NOAUTH no\r\n'), null)), /NOAUTH/);
  assert.match(String(readRole(Buffer.from('-LOADING wait\r\n+PONG\r\n'), null)), /LOADING/);
  assert.match(String(readRole(PONG, null)), /no role/);
  assert.ok(roleQuestion({ user: null, password: 'x' }).toString().includes('ROLE'));
});

test('events, split at any byte', () => {
  const heard = Buffer.concat([
    encodeReply(['subscribe', '+switch-master', 1]),
    encodeReply(['message', '+switch-master', 'a 10.0.0.1 6379 10.0.0.2 6379']),
    encodeReply(['pong', '']),
    encodeReply(['message', '+sdown', 'sentinel 1f 10.0.0.9 26379 @ a 10.0.0.1 6379']),
    encodeReply(['message', '-sdown', 'slave 10.0.0.2:6379 10.0.0.2 6379 @ b 10.0.0.1 6379']),
  ]);
  const want = [
    { name: '+switch-master', master: 'a', isSwitch: true },
    { name: '-sdown', master: 'b', isSwitch: false },
  ];
  for (let cut = 0; cut <= heard.length; cut++) {
    const first = readEvents(heard.subarray(0, cut));
    assert.ok(first !== null);
    const second = readEvents(Buffer.concat([heard.subarray(first.length, cut), heard.subarray(cut)]));
    assert.deepEqual([...first.events, ...(second?.events ?? [])], want, `cut at ${cut}`);
    assert.equal(first.length + (second?.length ?? 0), heard.length);
  }
});

test('whoever is no Sentinel is not listened to', () => {
  assert.equal(readEvents(Buffer.from('-NOAUTH Authentication required.\r\n')), null);
  assert.equal(readEvents(Buffer.from('HTTP/1.1 400 Bad Request\r\n')), null);
  assert.ok(subscription(NOBODY).toString().includes('+switch-master'));
  assert.deepEqual(readEvents(replica('a', '1', 'slave')), { events: [], length: replica('a', '1', 'slave').length });
});
