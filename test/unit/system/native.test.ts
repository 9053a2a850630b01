import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const root = new URL('../../../', import.meta.url);
const PROGRAM = `
  const { native } = await import('${new URL('src/system/native.ts', root)}');
  const { addressOf, copyBytes, sharedBuffer } = await import('${new URL('src/system/copy.ts', root)}');
  const { arePolled } = await import('${new URL('src/socket/sockets.ts', root)}');
  const { loadSystemCalls } = await import('${new URL('src/system/system-calls.ts', root)}');
  const target = Buffer.alloc(3);
  sharedBuffer.write('copied');
  copyBytes(target, addressOf(target), 0, sharedBuffer, addressOf(sharedBuffer), 1, 4);
  const has = [native !== null, addressOf(sharedBuffer) !== 0n, arePolled, loadSystemCalls() !== null];
  console.log(JSON.stringify([has, String(target)]));
`;

const runFile = promisify(execFile);

for (const [flags, isNative] of [
  [[], process.platform === 'linux'],
  [['--no-experimental-ffi'], false],
  [['--permission', '--allow-fs-read=*'], false],
] as const) {
  test(`node ${flags.join(' ')}: ${isNative ? 'native code' : 'none, and everything goes on without'}`, async () => {
    const { stdout } = await runFile(process.execPath, [...flags, '--input-type=module', '--eval', PROGRAM]);
    assert.deepEqual(JSON.parse(stdout), [new Array(4).fill(isNative), 'opi']);
  });
}
