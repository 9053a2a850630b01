import { type ConfigChanges, configChangeSteps } from '../../config/changes/changes.ts';
import { type SettingState, settingState, settingStates } from '../../config/changes/live-settings.ts';
import {
  changedOverrides,
  type Overridden,
  type Override,
  type OverrideOutcome,
  reloadedOverrides,
  type SettingsRequest,
} from '../../config/changes/overrides.ts';
import type { Config } from '../../config/config.ts';
import { configWarningSteps } from '../../config/warnings.ts';
import type { Log } from '../../system/log.ts';
import { inSlices } from '../../system/slices.ts';
import { IncompleteError } from '../errors.ts';
import type { ReloadResult } from '../workers/progress.ts';
import { type ConfigFile, saveSettings } from './config-file.ts';
import type { Deployed } from './deployment.ts';

export interface LiveConfigHost {
  readonly log: Log;
  readonly file: ConfigFile;
  /** Runs `change` when other changes of the workers are done. */
  inTurn<T>(change: () => Promise<T>): Promise<T>;
  /** Throws a RefusedError. */
  refuseUnlessRunning(): void;
  /** See `Deployment.serveBy`. */
  serveBy(config: Config, onAdopted: () => void): Promise<Deployed>;
}

/** A setting that somebody changed. */
export interface ChangedSetting {
  readonly path: string;
  /** As a person reads them; a secret is redacted on both sides. */
  readonly old: string;
  readonly new: string;
  readonly applies: SettingState['applies'];
}

export interface SettingsResult extends Pick<Deployed, 'problems' | 'workers' | 'tookMs'> {
  readonly changes: readonly ChangedSetting[];
  readonly warnings: readonly string[];
}

/** A setting as it runs, and what the file says of it where that is something else. */
export interface RunningSetting extends SettingState {
  /** As the file said it when it was last read. */
  readonly inFile: string;
  /** Who set it, and when; null: nobody did since the file was read. */
  readonly setBy: string | null;
  readonly setAt: string | null;
}

/** A setting that the file, as it is now, says something else of. */
export interface Difference {
  readonly path: string;
  readonly running: string | null;
  readonly file: string | null;
  readonly setBy: string | null;
  readonly setAt: string | null;
}

/** The configuration file as it was last read and what was set since; both together are what runs. */
export class LiveConfig {
  private state: Overridden;
  private readonly host: LiveConfigHost;
  /** The reload that has not begun: who asks for another meanwhile gets its answer. */
  private nextReload: Promise<ReloadResult> | null = null;

  constructor(initial: Overridden, host: LiveConfigHost) {
    this.state = initial;
    this.host = host;
  }

  /** For a successor: what the file said when it was read, and what was set since. */
  bequest(): { readonly file: Config; readonly overrides: readonly Override[] } {
    const { file, overrides } = this.state;
    return { file, overrides: [...overrides.values()] };
  }

  /**
   * Reads the file again and serves by it, and by what was set since it was last read, where that is kept. Rejects with a
   * ConfigError, RefusedError or ListenError when it can't be had, with an IncompleteError when a worker does not follow; the
   * log has it too. `by`: who asked.
   */
  reload(by: string): Promise<ReloadResult> {
    this.nextReload ??= this.host
      .inTurn(() => {
        this.nextReload = null;
        return this.reloadNow(by);
      })
      .catch(error => {
        const what =
          error instanceof IncompleteError ? 'reloaded, but not everywhere' : 'not reloaded: nothing has changed';
        this.host.log.error({ by, reason: error.message }, what);
        throw error;
      });
    return this.nextReload;
  }

  private async reloadNow(by: string): Promise<ReloadResult> {
    this.host.refuseUnlessRunning();
    const file = await this.host.file.loadInBackground();
    const { after, outcomes } = reloadedOverrides(this.state, file);
    const changes = await inSlices(configChangeSteps(this.state.config, after.config));
    const { problems, workers, tookMs } = await this.serveBy(after);
    const warnings = [...(await warningsOf(after.config)), ...problems];
    for (const outcome of outcomes) this.sayWhichWon(outcome);
    this.host.log.info({ by, ...changes, warnings, tookMs }, 'configuration reloaded: every worker has it');
    return { changes, overrides: outcomes, warnings, workers, tookMs };
  }

  private sayWhichWon({ path, won, why }: OverrideOutcome): void {
    if (won === 'set') this.host.log.info({ setting: path, why }, 'reload: what was set is kept');
    else this.host.log.warn({ setting: path, why }, 'reload: the file wins over what was set');
  }

  /**
   * Changes settings of what runs, in all workers or in none. Rejects with a SettingError, which says what would be right, and
   * as `reload` does. `by`: who asked, and from where.
   */
  change(asked: SettingsRequest, by: string): Promise<SettingsResult> {
    return this.host
      .inTurn(async () => {
        this.host.refuseUnlessRunning();
        const before = this.state.config;
        const after = changedOverrides(this.state, asked, by, new Date().toISOString());
        const paths = [...Object.keys(asked.set ?? {}), ...(asked.toDefault ?? []), ...(asked.unset ?? [])];
        const changes = paths.map(path => changeOf(before, after.config, path));
        const deployed = await this.serveBy(after);
        for (const { path, old, new: now, applies } of changes) {
          this.host.log.warn({ by, setting: path, old, new: now, applies }, 'setting changed');
        }
        return { changes, warnings: await warningsOf(after.config), ...deployed };
      })
      .catch(error => {
        const what = error instanceof IncompleteError ? 'set, but not everywhere' : 'not set: nothing has changed';
        this.host.log.error({ by, reason: error.message }, what);
        throw error;
      });
  }

  /** Writes what was set into the file. Rejects with a RefusedError; then the file is as it was. */
  save(by: string): Promise<{ readonly file: string; readonly saved: readonly string[] }> {
    return this.host.inTurn(async () => {
      this.host.refuseUnlessRunning();
      const { config, overrides } = this.state;
      const saved = [...overrides.keys()];
      if (saved.length > 0) {
        saveSettings(this.host.file, config, [...overrides.values()]);
        this.state = { file: config, overrides: new Map(), config };
      }
      this.host.log.info({ by, file: this.host.file.path, saved }, 'settings saved');
      return { file: this.host.file.path, saved };
    });
  }

  /** How many settings were set since the file was read. */
  get overrides(): number {
    return this.state.overrides.size;
  }

  /** The settings that are called so; see `settingStates`. */
  settings(pattern: string): readonly RunningSetting[] {
    const { config, file, overrides } = this.state;
    return settingStates(config, pattern).map(setting => {
      const override = overrides.get(setting.path);
      const inFile = override === undefined ? setting.value : settingState(file, setting.path).value;
      return { ...setting, inFile, setBy: override?.by ?? null, setAt: override?.at ?? null };
    });
  }

  /** What runs against the file as it is now. Rejects with a ConfigError. */
  async differences(): Promise<{ readonly settings: readonly Difference[]; readonly changes: ConfigChanges }> {
    const file = await this.host.file.loadInBackground();
    const { config, overrides } = this.state;
    const [running, written] = [config, file].map(
      each => new Map(settingStates(each, '*').map(s => [s.path, s.value])),
    );
    const paths = new Set([...running!.keys(), ...written!.keys(), ...overrides.keys()]);
    const settings = [...paths].flatMap(path => {
      const [now, then] = [running!.get(path) ?? null, written!.get(path) ?? null];
      const override: Override | undefined = overrides.get(path);
      // A secret that was set looks like any other.
      if (now === then && override === undefined) return [];
      return [{ path, running: now, file: then, setBy: override?.by ?? null, setAt: override?.at ?? null }];
    });
    // Of a group those of its settings that differ.
    const isGroup = ({ path }: Difference) => settings.some(other => other.path.startsWith(`${path}.`));
    const changes = await inSlices(configChangeSteps(file, config));
    return { settings: settings.filter(each => !isGroup(each)), changes };
  }

  private serveBy(next: Overridden): Promise<Deployed> {
    return this.host.serveBy(next.config, () => {
      this.state = next;
    });
  }
}

function changeOf(before: Config, after: Config, named: string): ChangedSetting {
  const { path, value, applies } = settingState(before, named);
  return { path, old: value, new: settingState(after, path).value, applies };
}

async function warningsOf(config: Config): Promise<string[]> {
  return (await inSlices(configWarningSteps(config))).map(({ path, message }) => `${path}: ${message}`);
}
