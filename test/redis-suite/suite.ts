// Redis's test suite, made to run against a pool: what it does to the server itself goes to the server.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { run, temporaryDirectory } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import type { RedisServer } from '../support/redis-server.ts';

/** How one unit went, by the names of its tests. */
export interface UnitResult {
  readonly passed: readonly string[];
  /** Names and what was wrong. */
  readonly failed: ReadonlyMap<string, string>;
  /** Names of those that were left out because they were excluded. */
  readonly skipped: readonly string[];
  /** Why the unit ended early; null: it did not. */
  readonly broke: string | null;
  readonly output: string;
}

const TO_SERVER = `
proc concerns_server {id method argv} {
    if {!$::redis::blocking($id) || $::redis::deferred($id) || ![info exists ::env(SERVER_PORT)]} { return 0 }
    if {$::env(POOL_PORT) == $::env(SERVER_PORT) || [lindex $::redis::addr($id) 1] != $::env(POOL_PORT)} { return 0 }
    set name [string tolower $method]
    set word [string tolower [lindex $argv 0]]
    if {$name eq "config"} { return [expr {$word ne "get"}] }
    expr {$name in {acl bgrewriteaof bgsave debug lastsave latency role save}}
}

proc server_client {} {
    if {![info exists ::server_client]} {
        set ::server_client [redis 127.0.0.1 $::env(SERVER_PORT) 0 0]
        $::server_client select 9
    }
    return $::server_client
}

proc ::redis::__dispatch__raw__ {id method argv} {
    if {[concerns_server $id $method $argv]} { return [[server_client] $method {*}$argv] }
`;

const CHANGES: readonly (readonly [file: string, before: string | RegExp, after: string])[] = [
  // What fails leaves nothing behind for the tests after it.
  [
    'tests/support/test.tcl',
    '            send_data_packet $::test_server_fd err [join $details "\\n"]',
    '            catch {r discard}; catch {r unwatch}; catch {r select 9}\n            send_data_packet $::test_server_fd err [join $details "\\n"]',
  ],
  ['tests/support/redis.tcl', '\nproc ::redis::__dispatch__raw__ {id method argv} {\n', TO_SERVER],
  [
    'tests/support/server.tcl',
    '    dict set srv "client" $client\n    if {!$::singledb}',
    '    dict set srv "client" $client\n    dict set srv "pid" $::env(SERVER_PID)\n    if {!$::singledb}',
  ],
  // What one client sends is at the server before what another sends only once the server has it.
  [
    'tests/unit/type/stream-cgroups.tcl',
    /^ *\$rd XREAD.* BLOCK 0 .*\n(?= *r )/gm,
    '$&        wait_for_blocked_client\n',
  ],
];

/** A copy of the suite that was fetched to `sources`. Returns its folder. */
export function prepareSuite(sources: string): string {
  const folder = temporaryDirectory('redis-suite');
  cpSync(path.join(sources, 'tests'), path.join(folder, 'tests'), { recursive: true });
  mkdirSync(path.join(folder, 'src'));
  for (const program of ['redis-server', 'redis-cli', 'redis-benchmark']) {
    symlinkSync(`/usr/bin/${program}`, path.join(folder, 'src', program));
  }
  for (const [file, before, after] of CHANGES) {
    const text = readFileSync(path.join(folder, file), 'utf8');
    const changed = text.replace(before, (found: string) => after.replace('$&', () => found));
    if (changed === text) throw new Error(`${file} of Redis's test suite is not as expected`);
    writeFileSync(path.join(folder, file), changed);
  }
  return folder;
}

/** Runs one unit, such as `unit/multi`, through `port`, without the tests of these names. */
export async function runUnit(
  folder: string,
  unit: string,
  port: number,
  server: RedisServer,
  excluded: readonly string[],
): Promise<UnitResult> {
  const skipFile = path.join(folder, 'excluded');
  writeFileSync(skipFile, excluded.map(name => `${name}\n`).join(''));
  const args = ['--host', '127.0.0.1', '--port', String(port), '--single', unit, '--durable', '--timeout', '150'];
  args.push('--baseport', String(await freePort()), '--skipfile', skipFile);
  const { stdout, stderr } = await run(
    'tclsh',
    ['tests/test_helper.tcl', ...args, '--tags', '-needs:repl -large-memory'],
    {
      cwd: folder,
      timeoutMs: 200_000,
      env: {
        ...process.env,
        POOL_PORT: String(port),
        SERVER_PORT: String(server.port),
        SERVER_PID: String(server.pid),
      },
    },
  );
  return readResult(unit, stripVTControlCharacters(`${stdout}${stderr}`));
}

function readResult(unit: string, output: string): UnitResult {
  const names = (kind: string) =>
    [...output.matchAll(new RegExp(String.raw`^\[${kind}\]: (.*)$`, 'gm'))].map(([, rest]) => String(rest));
  const failed = new Map<string, string>();
  for (const [, name, why] of output.matchAll(/^\[err\]: (.*?) in tests\/\S+\.tcl\n([^\n]*)/gm)) {
    failed.set(String(name), String(why));
  }
  const isDone = output.includes(`done]: ${unit}`);
  const broke = /^\[(?:exception|TIMEOUT)\]:.*/m.exec(output)?.[0] ?? (isDone ? null : 'it did not end');
  const passed = names('ok').map(name => name.replace(/ \(\d+ ms\)$/, ''));
  return { passed, failed, skipped: names('skip'), broke, output };
}
