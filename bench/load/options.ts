import { parseArgs } from 'node:util';
import { GROWTH } from './growth.ts';
import type { Cores } from './pinning.ts';
import type { ProfileOptions } from './profile-run.ts';
import type { Lineup, Variant } from './scenario-run.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';

export interface Options {
  readonly scenarios: readonly Scenario[];
  readonly lineup: Lineup;
  /** Not to compare, but to see where our time goes; null: not asked for. */
  readonly profile: ProfileOptions | null;
  readonly cores: Cores;
  readonly json: string | null;
  readonly markdown: string | null;
}

/** The command line is wrong; the message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const USAGE = `npm run bench [-- FLAGS]

Ringmaster and nutcracker in front of the same servers, measured in turns; tls-…: HAProxy or stunnel in front of nutcracker.

  --scenarios a,b      some of them only (default: all)
  --list               name the scenarios and leave
  --rounds N           rounds for each contender (5)
  --seconds S          length of a round (3)
  --quick              two short rounds: to see that all works, not to believe the figures
  --yardstick          a second nutcracker beside the first: how much of a difference is noise
  --growth             another set: how cost and memory grow with clients, pools, servers and workers
  --direct             one of the servers without a proxy, too: what of the latencies is not the proxies'
  --against FILE       another Ringmaster's src/main.ts, measured in the same rounds
  --variant WORDS      Ringmaster once more with these words: NAME=VALUE in its environment, others on its command line
  --profile            no comparison: one worker of Ringmaster under V8's profiler, and where its time goes
  --profile-dir DIR    the same (also with --against or --variant instead), and leave the .cpuprofile there
  --proxy-cores LIST   cores of the proxies, as for taskset (0)
  --load-cores LIST    cores of the servers and of what makes the load (1)
  --json FILE          write every figure of every round
  --markdown FILE      write the tables
`;

const DEFAULTS = { rounds: 5, seconds: 3, warmUpSeconds: 6, maxBackgroundClients: Number.POSITIVE_INFINITY };
const QUICK = { rounds: 2, seconds: 0.15, warmUpSeconds: 0, maxBackgroundClients: 500 };

/** Those of both sets. */
export const ALL_SCENARIOS: readonly Scenario[] = [...new Set([...SCENARIOS, ...GROWTH])];

/** Reads the command line; null when it asks for help or the list. Throws a UsageError. */
export function readOptions(args: string[]): Options | 'help' | 'list' {
  const { values } = parse(args);
  if (values.help) return 'help';
  if (values.list) return 'list';
  const variant = values.variant === undefined ? null : readVariant(values.variant);
  const extent = values.quick ? QUICK : DEFAULTS;
  return {
    scenarios: chooseScenarios(values.scenarios, values.growth ? GROWTH : SCENARIOS),
    lineup: {
      rounds: positive('--rounds', values.rounds, extent.rounds, true),
      seconds: positive('--seconds', values.seconds, extent.seconds, false),
      warmUpSeconds: extent.warmUpSeconds,
      maxBackgroundClients: extent.maxBackgroundClients,
      hasYardstick: values.yardstick,
      hasDirect: values.direct,
      against: values.against ?? null,
      variant,
    },
    profile:
      values.profile || values['profile-dir'] !== undefined
        ? { entry: values.against ?? null, variant, keepIn: values['profile-dir'] ?? null }
        : null,
    cores: { proxy: values['proxy-cores'], load: values['load-cores'] },
    json: values.json ?? null,
    markdown: values.markdown ?? null,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        list: { type: 'boolean', default: false },
        scenarios: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        quick: { type: 'boolean', default: false },
        growth: { type: 'boolean', default: false },
        direct: { type: 'boolean', default: false },
        yardstick: { type: 'boolean', default: false },
        variant: { type: 'string' },
        against: { type: 'string' },
        profile: { type: 'boolean', default: false },
        'profile-dir': { type: 'string' },
        'proxy-cores': { type: 'string', default: '0' },
        'load-cores': { type: 'string', default: '1' },
        json: { type: 'string' },
        markdown: { type: 'string' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** `FOO=1 -m 16384`: a variable and two arguments. */
function readVariant(text: string): Variant {
  const words = text.split(/\s+/).filter(word => word !== '');
  if (words.length === 0) throw new UsageError('--variant takes words for an environment or a command line');
  const env: Record<string, string> = {};
  const args: string[] = [];
  for (const word of words) {
    const setting = /^([A-Za-z_]\w*)=(.*)$/.exec(word);
    if (setting === null) args.push(word);
    else env[setting[1]!] = setting[2]!;
  }
  return { name: `ringmaster, ${words.join(' ')}`, launch: { args, env } };
}

function chooseScenarios(names: string | undefined, otherwise: readonly Scenario[]): readonly Scenario[] {
  if (names === undefined) return otherwise;
  const wanted = names.split(',').map(name => name.trim());
  const unknown = wanted.filter(name => ALL_SCENARIOS.every(scenario => scenario.name !== name));
  if (unknown.length > 0) throw new UsageError(`no such scenario: ${unknown.join(', ')} (--list names them)`);
  return ALL_SCENARIOS.filter(scenario => wanted.includes(scenario.name));
}

function positive(flag: string, text: string | undefined, otherwise: number, isWhole: boolean): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value) || (isWhole && !Number.isInteger(value))) {
    throw new UsageError(`${flag} takes a ${isWhole ? 'whole ' : ''}number above 0, not ${text}`);
  }
  return value;
}
