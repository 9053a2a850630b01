// COMMAND and its subcommands, compared with a server's own for every command that clients of the pool can use.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMANDS } from '../../src/protocol/redis/commands/command-table.ts';
import { run } from '../support/child.ts';
import { startRedisPool } from '../support/pool-under-test.ts';
import { encodeCommand, parseReply, type RespValue } from '../support/resp-reader.ts';

const isContainer = (name: string): boolean =>
  COMMANDS.some(each => each.name === name && each.subcommandList.length > 0);

for (const version of [2, 3]) {
  test(`RESP${version}: INFO and DOCS of every command are the server's bytes`, async t => {
    const pool = await startRedisPool(t);
    const proxy = await pool.client();
    const direct = await pool.servers[0]!.client();
    for (const client of [proxy, direct]) await client.command('HELLO', version);
    const listed = ((await proxy.command('COMMAND', 'LIST')) as Buffer[]).map(String);
    const younger = new Set(COMMANDS.filter(each => each.origin !== 'base').map(each => each.name));
    const names = listed.filter(name => !younger.has(name));
    assert.ok(names.length > 250, `${names.length} commands`);
    assert.deepEqual(
      [...younger].filter(name => listed.includes(name)),
      ['client|no-touch', 'client|setinfo'],
      'of younger commands, only what Ringmaster answers itself',
    );
    for (const name of names.filter(each => !isContainer(each))) {
      for (const subcommand of ['INFO', 'DOCS']) {
        const request = encodeCommand('COMMAND', subcommand, name);
        proxy.send(request);
        direct.send(request);
        const ours = await proxy.readReply();
        const theirs = await direct.readReply();
        assert.equal(ours.toString('latin1'), theirs.toString('latin1'), `${subcommand} ${name}`);
      }
    }
  });
}

test('a container has the fields of a server, and of its subcommands those that can be used', async t => {
  const pool = await startRedisPool(t);
  const proxy = await pool.client();
  const direct = await pool.servers[0]!.client();
  for (const name of ['config', 'client', 'object', 'command', 'xinfo']) {
    const [[ours], [theirs]] = (await Promise.all(
      [proxy, direct].map(client => client.command('COMMAND', 'INFO', name)),
    )) as [RespValue[][], RespValue[][]];
    assert.deepEqual(ours!.slice(0, 9), theirs!.slice(0, 9), name);
    const known = new Map((theirs![9] as RespValue[][]).map(each => [String(each[0]), each]));
    const own = (ours![9] as RespValue[][]).filter(each => known.has(String(each[0])));
    assert.ok(own.length > 0, name);
    for (const each of own) assert.deepEqual(each, known.get(String(each[0])), String(each[0]));
  }
  const docs = (await proxy.command('COMMAND', 'DOCS', 'config')) as RespValue[][];
  const fields = docs[1]!.map(value => (Buffer.isBuffer(value) ? value.toString() : value));
  const subcommands = fields[fields.indexOf('subcommands') + 1] as RespValue[];
  assert.deepEqual(subcommands.filter((_, i) => i % 2 === 0).map(String), ['config|get', 'config|help']);
});

test('help of redis-cli says what it says of a server', async t => {
  const pool = await startRedisPool(t);
  const help = async (port: number): Promise<string> => {
    const input = 'help get\nhelp config get\nhelp xadd\nhelp @geo\n';
    const { stdout, stderr } = await run('redis-cli', ['-p', String(port)], { input });
    assert.equal(stderr, '');
    return stdout;
  };
  const ours = await help(pool.port);
  assert.match(ours, /summary:\S* Get the value of a key/);
  assert.equal(ours, await help(pool.servers[0]!.port));
});

test('COMMAND, COUNT, LIST and DOCS agree', async t => {
  const pool = await startRedisPool(t);
  const client = await pool.client();
  const all = (await client.command('COMMAND')) as RespValue[][];
  const names = all.map(([name]) => String(name));
  assert.equal(await client.command('COMMAND', 'COUNT'), names.length);
  const listed = ((await client.command('COMMAND', 'LIST')) as Buffer[]).map(String);
  assert.deepEqual(
    listed.filter(name => !name.includes('|')),
    names,
  );
  assert.ok(listed.includes('config|get') && listed.includes('xinfo|stream'));
  assert.ok(!listed.includes('config|set') && !listed.includes('monitor'));
  const docs = (await client.command('COMMAND', 'DOCS')) as RespValue[];
  assert.deepEqual(docs.filter((_, i) => i % 2 === 0).map(String), names);
});

test('GETKEYS and GETKEYSANDFLAGS answer as a server for every command', async t => {
  const pool = await startRedisPool(t);
  const proxy = await pool.client();
  const direct = await pool.servers[0]!.client();
  for (const { name, arity, origin } of COMMANDS) {
    // MIGRATE's keys are where its arguments say; it cannot be used here anyhow.
    if (origin !== 'base' || name === 'migrate') continue;
    const words = name.split('|');
    for (let count = Math.max(1, Math.abs(arity) - words.length); count < Math.abs(arity) + 4; count++) {
      const args = Array.from({ length: count }, (_, i) => String(i + 1));
      for (const subcommand of ['GETKEYS', 'GETKEYSANDFLAGS']) {
        const request = encodeCommand('COMMAND', subcommand, ...words, ...args);
        proxy.send(request);
        direct.send(request);
        const ours = await proxy.readReply();
        const theirs = await direct.readReply();
        const what = `${subcommand} ${words.join(' ')} ${args.join(' ')}`;
        assert.deepEqual(parseReply(ours), parseReply(theirs), what);
      }
    }
  }
});
