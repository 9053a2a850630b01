// The alert rules: valid, about metrics that exist, and each shown to be silent before its trouble and to fire in it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { run } from '../support/child.ts';
import { knownSeries, unknownParts } from '../support/promql.ts';

const DIRECTORY = path.join(import.meta.dirname, '../../deploy/prometheus');

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
}
interface RuleTests {
  readonly tests: readonly {
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
  }[];
}

const read = <T>(file: string) => parse(readFileSync(path.join(DIRECTORY, file), 'utf8')) as T;
const rules = read<Rules>('ringmaster.rules.yml').groups.flatMap(group => group.rules);

test('promtool accepts the rules', async () => {
  const { code, stdout, stderr } = await run('promtool', ['check', 'rules', '--lint-fatal', 'ringmaster.rules.yml'], {
    cwd: DIRECTORY,
  });
  assert.equal(code, 0, `${stdout}${stderr}`);
});

test('every rule fires when it should, and not before', async () => {
  const { code, stdout, stderr } = await run('promtool', ['test', 'rules', 'ringmaster.rules.test.yml'], {
    cwd: DIRECTORY,
    // It calculates for half a minute on a machine that is busy.
    timeoutMs: 110_000,
  });
  assert.equal(code, 0, `${stdout}${stderr}`);
  const cases = read<RuleTests>('ringmaster.rules.test.yml').tests.flatMap(each => each.alert_rule_test);
  const tested = (isFiring: boolean) =>
    cases.filter(each => each.exp_alerts.length > 0 === isFiring).map(({ alertname }) => alertname);
  const names = rules.map(({ alert }) => alert);
  assert.deepEqual([tested(true), tested(false)], [names, names]);
});

test('the rules ask for metrics and labels that exist', () => {
  const known = knownSeries();
  for (const { alert, expr } of rules) assert.deepEqual(unknownParts(expr, known), [], alert);
});
