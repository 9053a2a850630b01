// In processes of their own: this one stays who it is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actAs, asHeir, dropPrivileges, isDenied } from '../../../src/system/privileges.ts';
import { run } from '../../support/child.ts';

const skip = process.geteuid?.() === 0 ? false : 'only root can become another user';
const MODULE = new URL('../../../src/system/privileges.ts', import.meta.url).href;

/** What a process prints that runs `body` with all that the module has. */
async function printed(body: string): Promise<string> {
  const code = `import { actAs, asHeir, dropPrivileges, intendUser } from '${MODULE}';
import { readFileSync } from 'node:fs';
const nobody = { name: 'nobody', uid: 65534, gid: 65534 };
const ids = () => [process.getuid(), process.geteuid(), process.getgid(), process.getegid(), process.getgroups()].join(' ');
${body}`;
  const { stdout, stderr, code: exit } = await run(process.execPath, ['--input-type=module', '-e', code]);
  assert.equal(exit, 0, stderr);
  return stdout;
}

test('nobody intended: everything is done as who it is, and nothing is dropped', () => {
  assert.equal(
    asHeir(
      () => 1,
      () => 2,
    ),
    1,
  );
  assert.throws(
    () =>
      asHeir(
        () => {
          throw Object.assign(new Error('no'), { code: 'EACCES' });
        },
        () => 2,
      ),
    /no/,
  );
  assert.equal(dropPrivileges(), null);
  assert.equal(isDenied(Object.assign(new Error('no'), { code: 'ENOENT' })), false);
});

test('another user for a moment, also when it throws', { skip }, () => {
  const before = [process.geteuid?.(), process.getegid?.(), String(process.getgroups?.())];
  const nobody = { name: null, uid: 65534, gid: 65534 };
  assert.deepEqual(
    actAs(nobody, () => [process.geteuid?.(), process.getegid?.(), String(process.getgroups?.())]),
    [65534, 65534, '65534'],
  );
  assert.throws(() =>
    actAs(nobody, () => {
      throw new Error('x');
    }),
  );
  assert.deepEqual([process.geteuid?.(), process.getegid?.(), String(process.getgroups?.())], before);
});

test('the user tries first, and root only where he is denied', { skip }, async () => {
  const out = await printed(`
intendUser(nobody);
console.log(asHeir(() => process.geteuid(), () => 'root'));
console.log(asHeir(() => readFileSync('/etc/shadow') && 'user', heir => \`root for \${heir.name}, \${readFileSync('/etc/shadow').length > 0}\`));
try { asHeir(() => readFileSync('/no/such'), () => 0); } catch (error) { console.log(error.code); }
console.log(process.geteuid());`);
  assert.equal(out, '65534\nroot for nobody, true\nENOENT\n0\n');
});

test('dropped for good: all ids and groups, in all threads, and no way back', { skip }, async () => {
  const out = await printed(`
import { readdirSync } from 'node:fs';
intendUser(nobody);
console.log(dropPrivileges().uid, ids());
for (const back of ['setuid', 'seteuid', 'setgid', 'setegid']) try { process[back](0); console.log(back); } catch {}
const threads = readdirSync('/proc/self/task').map(id => /^Uid:\\s*(.*)$/m.exec(readFileSync(\`/proc/self/task/\${id}/status\`, 'latin1'))[1]);
console.log(threads.length > 1, [...new Set(threads)].join().split('\\t').join(' '));`);
  assert.equal(out, '65534 65534 65534 65534 65534 65534\ntrue 65534 65534 65534 65534\n');
});
