// `ringmaster hash-password`, from standard input, generated, and typed at a terminal.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { run } from '../support/child.ts';
import { runRingmaster } from '../support/ringmaster.ts';

const hashOf = (password: string) => `#${createHash('sha256').update(password).digest('hex')}`;

test('a password from standard input becomes what the file has of it', async () => {
  for (const input of ['geheim', 'geheim\n', 'geheim\r\n']) {
    const { code, stdout } = await runRingmaster(['hash-password'], { input });
    assert.deepEqual({ code, stdout }, { code: 0, stdout: `${hashOf('geheim')}\n` });
  }
  const spaced = await runRingmaster(['hash-password'], { input: ' ä ö \n' });
  assert.equal(spaced.stdout, `${hashOf(' ä ö ')}\n`);
});

test('what is no password is refused, and told to nobody', async () => {
  for (const input of ['', '\n', '#secret', 'x'.repeat(2000)]) {
    const { code, stdout, stderr } = await runRingmaster(['hash-password'], { input });
    assert.notEqual(code, 0);
    assert.equal(stdout, '');
    assert.doesNotMatch(stderr, /secret|xxxx/);
  }
});

test('--generate makes another one each time', async () => {
  const [first, second] = await Promise.all([1, 2].map(() => runRingmaster(['hash-password', '--generate'])));
  const [, password, hash] = /^password: (\S{43})\nhash: '(#[0-9a-f]{64})'\n$/.exec(first!.stdout)!;
  assert.equal(hash, hashOf(password!));
  assert.notEqual(first!.stdout, second!.stdout);
});

test('typed at a terminal it is asked for twice and not shown', async () => {
  const script = `
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
shown = b''
for prompt, line in ((b'password: ', b'gehX\\x7feim\\r'), (b'again: ', b'geheim\\r')):
    while not shown.endswith(prompt):
        shown += os.read(fd, 1000)
    os.write(fd, line)
try:
    while True:
        piece = os.read(fd, 1000)
        if not piece: break
        shown += piece
except OSError:
    pass
os.waitpid(pid, 0)
sys.stdout.write(shown.decode())
`;
  const main = new URL('../../src/main.ts', import.meta.url).pathname;
  const { stdout } = await run('python3', ['-c', script, process.execPath, main, 'hash-password'], {
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    timeoutMs: 30_000,
  });
  assert.match(stdout, new RegExp(`^password: \\s+again: \\s+${hashOf('geheim')}\\s+$`));
});
