// Every console example of docs/cli.md is run as it stands there, and must print what stands there.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run, temporaryDirectory } from '../support/child.ts';
import { runRingmaster } from '../support/ringmaster.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCUMENT = readFileSync(path.join(ROOT, 'docs/cli.md'), 'utf8');

interface Example {
  readonly command: string;
  readonly output: string;
}

const examples = [...DOCUMENT.matchAll(/^```console\n(.*?)^```$/gms)].flatMap(([, block]) =>
  [...block!.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)].map(
    ([, command, output]): Example => ({ command: command!, output: output! }),
  ),
);

test('docs/cli.md has examples of all commands that need no daemon', () => {
  for (const word of ['-t', 'check', 'route', 'diff']) {
    assert.ok(
      examples.some(({ command }) => command.includes(`ringmaster ${word}`)),
      word,
    );
  }
});

/** Cores and limits are the machine's. */
const withoutMachine = (text: string) =>
  text.replace(/each of \d+ workers? needs/, 'each of … needs').replace(/; it may have .*/, '; it may have …');

test('the examples of docs/cli.md print what stands there', async t => {
  const dir = temporaryDirectory('docs');
  symlinkSync(path.join(ROOT, 'conf'), path.join(dir, 'conf'));
  const program = path.join(dir, 'ringmaster');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${path.join(ROOT, 'src/main.ts')}' "$@"\n`);
  chmodSync(program, 0o755);
  const env = { ...process.env, PATH: `${dir}:${process.env.PATH}` };
  // In order: some examples write the file that the next one reads.
  for (const { command, output } of examples) {
    await t.test(command, async () => {
      const { stdout } = await run('/bin/sh', ['-c', `{ ${command}\n} 2>&1`], { cwd: dir, env });
      assert.equal(withoutMachine(stdout), withoutMachine(output));
    });
  }
});

test('docs/cli.md names every flag and every command', async () => {
  const { stdout } = await runRingmaster(['--help']);
  const commands = [...stdout.matchAll(/^ {2}([a-z-]+) \[options\]/gm)].map(match => match[1]!);
  assert.ok(commands.length >= 5);
  for (const command of commands) assert.match(DOCUMENT, new RegExp(`^## .*\\b${command}\\b`, 'm'));
  const helps = [stdout];
  // Two at a time: each is a process of its own.
  for (let i = 0; i < commands.length; i += 2) {
    const pair = commands.slice(i, i + 2).map(command => runRingmaster([command, '--help']));
    for (const help of await Promise.all(pair)) helps.push(help.stdout);
  }
  for (const [, flag] of helps.join('\n').matchAll(/(--[a-z-]+)/g)) {
    if (flag !== '--help') assert.ok(DOCUMENT.includes(`${flag}`), `${flag} in docs/cli.md`);
  }
});
