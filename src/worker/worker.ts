import type { Worker } from 'node:cluster';
import type { Config } from '../config/config.ts';
import type { ClientSearch } from '../figures/client-row.ts';
import type { ProcessSnapshot } from '../figures/statistics.ts';
import { type HandedPool, readToWorker, type ToMaster } from '../ipc/messages.ts';
import type { ReshardState } from '../ipc/reshard-state.ts';
import type { ClientAnswer, ClientQuestion } from '../protocol/client-inquiry.ts';
import type { KeptChange } from '../protocol/kept-memory.ts';
import type { Frontend } from '../proxy/frontend.ts';
import type { AuditOptions } from '../proxy/insight/audit-trail.ts';
import { arePolled, type ListenHandle } from '../socket/sockets.ts';
import type { LogConfig, LogLevel } from '../system/log.ts';
import { createLog, type ReopenableLog } from '../system/logger.ts';
import { loadSystemCalls, type SystemCalls } from '../system/system-calls.ts';
import type { Crowd } from '../upstream/crowd.ts';
import { AuditNews } from './audit-news.ts';
import { answerOf, insightsOf, pageOf } from './client-answers.ts';
import { ClientInquiries } from './client-inquiries.ts';
import { CrowdNews } from './crowd-news.ts';
import { DataPath } from './data-path.ts';
import { type DataPathPlan, DataPathPlanner } from './data-path-plan.ts';
import { saySockets, takePlace } from './place-on-machine.ts';
import { processFigures } from './process-figures.ts';
import { Reporter } from './reporter.ts';

const REPORT_PERIOD_MS = 1000;
/** Slow requests are reported so long after the first: those that come meanwhile go with it. */
const SLOW_REPORT_MS = 100;

/** A worker process: does what the master says until it is told to drain, or the master is gone. */
export function runWorker(worker: Worker): void {
  // node:cluster would exit at once when the master goes; we answer what is pending first.
  worker.exitedAfterDisconnect = true;
  const role = new WorkerRole();
  process.on('message', (message, handle) => role.receive(message, handle as ListenHandle | undefined));
  process.on('disconnect', () => role.drain('the master is gone'));
  process.on('SIGTERM', () => role.leave('SIGTERM'));
  // Ctrl-C reaches the whole foreground group, and so do a terminal's other signals: the master decides.
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'] as const) {
    process.on(signal, () => {});
  }
  process.on('uncaughtException', error => role.crashed(error));
  // Node itself would write them to standard error, and wait for who reads it.
  process.on('warning', warning => role.warned(warning));
}

class WorkerRole {
  private slot = 0;
  private config: Config | null = null;
  private dataPath: DataPath | null = null;
  private log: ReopenableLog | null = null;
  private logFile: string | null = null;
  /** The next configuration: the sockets that came for it, and what was made of it. */
  private sockets = new Map<string, ListenHandle>();
  private planning: { readonly id: number; readonly planner: DataPathPlanner } | null = null;
  private prepared: { readonly id: number; readonly plan: DataPathPlan } | null = null;
  private preparing: Promise<void> = Promise.resolve();
  private isDraining = false;
  private readonly reporter = new Reporter({
    pass: isWhole => this.dataPath?.pass(isWhole) ?? { series: [], isWhole },
    process: () => this.process(),
    send,
  });
  private readonly systemCalls: SystemCalls | null = loadSystemCalls();
  private readonly inquiries = new ClientInquiries((id, pool, question) => {
    const { action, untilMs, isOfWrites } = question;
    // The master keeps it for workers to come.
    if (action === 'pause') send({ type: 'pause', id, pool, untilMs, isOfWrites });
    else send({ type: 'askClients', id, pool, question });
  });
  private readonly auditNews = new AuditNews((entries, dropped, then) =>
    send({ type: 'audit', entries, dropped }, then),
  );
  private readonly crowdNews = new CrowdNews((id, pool, crowds) => send({ type: 'crowds', id, pool, crowds }));

  receive(raw: unknown, handle: ListenHandle | undefined): void {
    const message = readToWorker(raw);
    switch (message.type) {
      case 'start':
        this.start(message.slot, message.config, message.level);
        return;
      case 'socket':
        if (handle === undefined) throw new Error(`no socket came for pool ${message.pool}`);
        this.sockets.set(message.pool, handle);
        return;
      case 'pools':
        void this.take(message.id, message.pools);
        return;
      case 'prepare':
        void this.prepare(message.id, message.config, message.pools);
        return;
      case 'switch':
        void this.switch(message.id);
        return;
      case 'abandon':
        void this.planning?.planner.abandon();
        this.planning = null;
        this.prepared = null;
        for (const socket of this.sockets.values()) (socket as { close(): void }).close();
        this.sockets.clear();
        return;
      case 'drain':
        void this.drain('the master said so');
        return;
      case 'report':
        this.reporter.report(message.id);
        return;
      case 'grant':
        this.dataPath?.granted(message, message.count, message.isForced);
        return;
      case 'recall':
        this.dataPath?.recall(message);
        return;
      case 'share':
        this.dataPath?.shares.granted(message.key, message);
        return;
      case 'recallShare':
        this.dataPath?.shares.recalled(message.key, message.keep);
        return;
      case 'health':
        this.dataPath?.setOut(message.out);
        return;
      case 'block':
        this.dataPath?.setBlocked(message.blocked);
        send({ type: 'blocking', id: message.id });
        return;
      case 'topology':
        this.dataPath?.setTopology(message.pool, message.topology);
        return;
      case 'reshard':
        void this.reshard(message.id, message.pool, message.state);
        return;
      case 'slowlog':
        this.dataPath?.addToSlowlog(message.pool, message.entries, message.isWhole);
        return;
      case 'insight':
        send({ type: 'insight', id: message.id, pools: insightsOf(this.frontends()) });
        return;
      case 'clients':
        this.answerForClients(message.id, message.pool, message.question);
        return;
      case 'clientsAnswered':
        this.inquiries.answered(message.id, message.answers as readonly ClientAnswer[], message.isWhole);
        return;
      case 'crowds':
        this.dataPath
          ?.otherCrowds(message.pool)
          .heard(message.worker, message.crowds as readonly Crowd[], message.isWhole);
        send({ type: 'crowdsKnown', id: message.id });
        return;
      case 'kept':
        this.frontends()
          .get(message.pool)
          ?.parser.kept?.hear(message.change as KeptChange);
        return;
      case 'pause':
        this.dataPath?.setPause(message.pool, message.untilMs, message.isOfWrites);
        send({ type: 'paused', id: message.id });
        return;
      case 'crowdsTold':
        this.crowdNews.told(message.id);
        return;
      case 'log':
        this.setLog(message.level, message.file, message.reopen);
        return;
    }
  }

  async drain(why: string): Promise<void> {
    if (this.isDraining) return;
    this.isDraining = true;
    this.log?.log.info({ why }, 'worker drains');
    const cut = (await this.dataPath?.drain(this.config?.shutdownTimeoutMs ?? 0)) ?? 0;
    if (cut > 0) this.log?.log.warn({ clients: cut }, 'clients cut off: they were not done within shutdown_timeout');
    this.reporter.finish();
    this.reportSlowRequests();
    send({ type: 'drained', clientsCut: cut });
    process.exit(0);
  }

  private async reshard(id: number, pool: string, state: ReshardState | null): Promise<void> {
    try {
      await this.dataPath?.setReshard(pool, state);
      send({ type: 'resharding', id });
    } catch (error) {
      send({ type: 'notResharding', id, why: (error as Error).message });
    }
  }

  /** `pool`: a client of it asks; null: an operator does. */
  private answerForClients(id: number, pool: string | null, question: object): void {
    const say = (answer: object) => send({ type: 'clients', id, answer });
    if (pool === null) say(pageOf(this.frontends(), question as ClientSearch, this.slot));
    else answerOf(this.frontends().get(pool), question as ClientQuestion, say);
  }

  private frontends(): ReadonlyMap<string, Frontend> {
    return this.dataPath?.frontendsByPool() ?? new Map();
  }

  /** The process can't be trusted any more: it says where, answers what it can and makes room for another. */
  crashed(error: Error): void {
    const isEarly = this.log === null;
    this.log ??= createLog({ level: 'info', file: null }, 'worker');
    this.log.log.fatal({ err: error }, 'uncaught error in a worker');
    if (isEarly) send({ type: 'failed', message: error.message }, () => process.exit(1));
    else if (this.isDraining) process.exit(1);
    else this.leave(`an uncaught error: ${error.message}`);
  }

  warned(warning: Error): void {
    if (warning.name !== 'ExperimentalWarning') this.log?.log.warn({ err: warning }, 'warning of the runtime');
  }

  /** Makes room for another worker, then drains. */
  leave(why: string): void {
    if (!this.isDraining) send({ type: 'leaving', why });
    void this.drain(why);
  }

  private start(slot: number, config: Config, level: LogLevel): void {
    this.slot = slot;
    this.log = openLog({ ...config.log, level }, `worker ${slot}`);
    this.logFile = config.log.file;
    this.auditNews.trail.options = auditOptions(config);
    this.dataPath = new DataPath(this.log.log, this.systemCalls, {
      audit: this.auditNews.trail,
      tellTrouble: trouble => {
        send({ type: 'trouble', ...trouble });
        return process.connected;
      },
      hint: (pool, why) => send({ type: 'hint', pool, why }),
      onSlowRequest: () => void setTimeout(() => this.reportSlowRequests(), SLOW_REPORT_MS).unref(),
      askClients: (pool, question, then) => this.inquiries.ask(pool, question, then),
      tellCrowds: (pool, crowds, then) => this.crowdNews.tell(pool, crowds, then),
      tellKept: (pool, change) => send({ type: 'kept', pool, change }),
      clearSlowlog: pool => send({ type: 'clearSlowlog', pool }),
      shares: {
        ask: ({ key, limit: { perMs, capacity, units: ofUnits } }, wants) =>
          send({ type: 'askShare', key, perMs, capacity, ofUnits, wants }),
        give: (key, { units, tokens }, isAnswer) => send({ type: 'giveShare', key, units, tokens, isAnswer }),
      },
      tellWrongPasswords: (pool, addresses) => send({ type: 'wrongPasswords', pool, addresses }),
      tellLimiting: ({ pool, scope, name }, over) => send({ type: 'limiting', pool, scope, name, over }),
      places: {
        ask: (holder, limit, count, isForced) => send({ type: 'ask', ...holder, limit, count, isForced }),
        giveBack: (holder, count, isAnswer) => send({ type: 'giveBack', ...holder, count, isAnswer }),
      },
    });
    takePlace(slot, config, this.systemCalls, this.log.log);
    saySockets(this.systemCalls !== null, this.log.log);
    setInterval(() => this.reporter.report(null), REPORT_PERIOD_MS).unref();
  }

  private setLog(level: LogLevel, file: string | null, reopen: boolean): void {
    this.log?.setLevel(level);
    if (file === this.logFile && !reopen) return;
    try {
      this.log?.open(file);
      this.logFile = file;
    } catch (error) {
      this.log?.log.error({ file, err: error }, 'cannot open the log file: the log goes on as before');
    }
  }

  private async take(id: number, pools: readonly HandedPool[]): Promise<void> {
    try {
      await this.plannerOf(id).add(pools);
      send({ type: 'took', id });
    } catch (error) {
      send({ type: 'refused', id, message: (error as Error).message });
    }
  }

  private async prepare(id: number, config: Config, last: readonly HandedPool[]): Promise<void> {
    try {
      const planner = this.plannerOf(id);
      this.preparing = planner.add(last).then(() => {
        // It may have been told to forget it.
        if (this.planning?.planner === planner) this.prepared = { id, plan: planner.finish(config) };
      });
      await this.preparing;
      send({ type: 'prepared', id });
    } catch (error) {
      send({ type: 'refused', id, message: (error as Error).message });
    }
  }

  private plannerOf(id: number): DataPathPlanner {
    if (this.planning?.id !== id) {
      void this.planning?.planner.abandon();
      const planner = new DataPathPlanner(this.dataPath);
      this.planning = { id, planner };
    }
    return this.planning.planner;
  }

  private async switch(id: number): Promise<void> {
    // A worker that starts is told to switch before it has prepared.
    await this.preparing.catch(() => {});
    const { prepared, sockets } = this;
    this.planning = null;
    this.prepared = null;
    this.sockets = new Map();
    try {
      if (prepared?.id !== id || this.dataPath === null) throw new Error(`configuration ${id} was not prepared`);
      this.config = prepared.plan.config;
      this.auditNews.trail.options = auditOptions(this.config);
      await this.dataPath.apply(prepared.plan, sockets);
      send({ type: 'switched', id });
    } catch (error) {
      send({ type: 'failed', message: (error as Error).message });
    }
  }

  private reportSlowRequests(): void {
    const requests = this.dataPath?.takeSlowRequests() ?? [];
    if (requests.length > 0) send({ type: 'slow', requests });
  }

  private process(): ProcessSnapshot {
    const held = this.dataPath?.held() ?? { heldBytes: 0, heldLimitBytes: 0 };
    const unwritten = this.log?.unwritten() ?? { dropped: 0, heldBack: 0 };
    return {
      ...processFigures(),
      ...held,
      hasQuickAck: this.systemCalls !== null,
      hasPolledSockets: arePolled,
      logLinesDropped: unwritten.dropped,
      logLinesHeldBack: unwritten.heldBack,
    };
  }
}

function auditOptions({ auditLog }: Config): AuditOptions | null {
  return auditLog && { hasCommands: auditLog.commands === 'dangerous', hasKeys: auditLog.keys };
}

/** A worker that can't open its log file still serves: it logs to standard error. */
function openLog(config: LogConfig, role: string): ReopenableLog {
  try {
    return createLog(config, role);
  } catch (error) {
    const log = createLog({ ...config, file: null }, role);
    log.log.error({ file: config.file, err: error }, 'cannot open the log file: logging to standard error');
    return log;
  }
}

/** `onSent`: the channel took it, or is gone. */
function send(message: ToMaster, onSent = () => {}): void {
  if (process.connected) process.send?.(message, undefined, {}, onSent);
  else setImmediate(onSent);
}
