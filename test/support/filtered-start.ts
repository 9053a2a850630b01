// Becomes Ringmaster, with its arguments, as nobody where it is root, and under a filter that lets only the system calls named in
// PERMITTED_CALLS through; the others fail with EPERM, as under a systemd unit with SystemCallErrorNumber=EPERM. By libseccomp, which
// systemd uses, too.
import path from 'node:path';
import { addressOf } from '../../src/system/copy.ts';

const ffi = process.getBuiltinModule('node:ffi');
const EPERM = 1;
/** SCMP_ACT_ERRNO(EPERM) and SCMP_ACT_ALLOW of <seccomp.h>. */
const REFUSE = 0x0005_0000 | EPERM;
const ALLOW = 0x7fff_0000;
const NOBODY = 65_534;
const UNKNOWN = -1;

if (process.getuid?.() === 0) {
  process.setgroups?.([NOBODY]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}
const { PERMITTED_CALLS = '', ...env } = process.env;
const { lib } = ffi.dlopen('libseccomp.so.2', {});
const init = lib.getFunction('seccomp_init', { return: 'pointer', arguments: ['u32'] });
const resolve = lib.getFunction('seccomp_syscall_resolve_name', { return: 'i32', arguments: ['pointer'] });
const add = lib.getFunction('seccomp_rule_add_array', {
  return: 'i32',
  arguments: ['pointer', 'u32', 'i32', 'u32', 'pointer'],
});
const load = lib.getFunction('seccomp_load', { return: 'i32', arguments: ['pointer'] });

const filter = init(REFUSE);
for (const name of PERMITTED_CALLS.split(' ')) {
  const text = Buffer.from(`${name}\0`);
  const call = resolve(addressOf(text)) as number;
  // Of another architecture, or younger than the library.
  if (call === UNKNOWN) continue;
  add(filter, ALLOW, call, 0, 0n);
}
if (load(filter) !== 0) throw new Error('the filter was not taken');
const main = path.join(import.meta.dirname, '../../src/main.ts');
process.execve?.(
  process.execPath,
  [process.execPath, main, ...process.argv.slice(2)],
  env as NodeJS.ProcessEnv & Record<string, string>,
);
