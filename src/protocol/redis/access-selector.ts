// A selector of an account: what its words allow, compiled. As aclSelector in Redis's acl.c.
import type { AccessRule } from '../../settings/access-rules.ts';
import { AccessPattern } from '../access-pattern.ts';
import type { Command } from './commands/command.ts';
import { idsOf, type RuleTargets } from './commands/command-names.ts';
import type { RequestArgs } from './request-args.ts';

export class AccessSelector {
  /** Also those that nobody knows of yet. */
  private allowsAll = false;
  /** A bit for each `Command.id`. */
  private readonly bits: Uint32Array;
  /** What a command that is not allowed may have for a first argument all the same, in lower case. */
  private firstArguments: Map<number, string[]> | null = null;
  keys: AccessPattern[] = [];
  channels: AccessPattern[] = [];
  hasAllKeys = false;
  hasAllChannels = false;

  constructor(rules: readonly AccessRule[], targets: RuleTargets, commandCount: number) {
    this.bits = new Uint32Array((commandCount + 31) >> 5);
    for (const rule of rules) this.apply(rule, targets);
  }

  private apply(rule: AccessRule, targets: RuleTargets): void {
    switch (rule.kind) {
      case 'category':
        if (rule.name === 'all') this.setAll(rule.isAllowed);
        else this.set(targets.category(rule.name), rule.isAllowed);
        return;
      case 'command':
        this.applyCommand(rule.name, rule.isAllowed, targets);
        return;
      case 'keys':
        this.keys.push(new AccessPattern(rule.pattern, rule.mayRead, rule.mayWrite));
        this.hasAllKeys ||= rule.pattern === '*' && rule.mayRead && rule.mayWrite;
        return;
      case 'channels':
        this.channels.push(new AccessPattern(rule.pattern, true, true));
        this.hasAllChannels ||= rule.pattern === '*';
        return;
      case 'resetkeys':
        this.keys = [];
        this.hasAllKeys = false;
        return;
      case 'resetchannels':
        this.channels = [];
        this.hasAllChannels = false;
    }
  }

  private setAll(isAllowed: boolean): void {
    this.allowsAll = isAllowed;
    this.bits.fill(isAllowed ? 0xffffffff : 0);
    this.firstArguments = null;
  }

  private set(ids: readonly number[], isAllowed: boolean): void {
    for (const id of ids) {
      if (isAllowed) this.bits[id >> 5]! |= 1 << (id & 31);
      else {
        this.bits[id >> 5]! &= ~(1 << (id & 31));
        this.allowsAll = false;
      }
      this.firstArguments?.delete(id);
    }
  }

  private applyCommand(name: string, isAllowed: boolean, targets: RuleTargets): void {
    const command = targets.command(name);
    if (command !== null) {
      this.set(idsOf(command), isAllowed);
      return;
    }
    const bar = name.lastIndexOf('|');
    const container = bar < 0 ? null : targets.command(name.slice(0, bar));
    // Of another protocol, or of a server that has not told of it yet.
    if (container === null || !isAllowed) {
      if (!isAllowed) this.allowsAll = false;
      return;
    }
    this.firstArguments ??= new Map();
    const known = this.firstArguments.get(container.id);
    if (known === undefined) this.firstArguments.set(container.id, [name.slice(bar + 1)]);
    else known.push(name.slice(bar + 1));
  }

  /** Whether the command may be run, whatever its keys. */
  allows(command: Command, args: RequestArgs): boolean {
    if (this.allowsAll || command.isAllowedBeforeAuth) return true;
    const { id } = command;
    if ((this.bits[id >> 5]! & (1 << (id & 31))) !== 0) return true;
    const first = this.firstArguments?.get(id);
    const at = command.name.includes('|') ? 2 : 1;
    return first !== undefined && at < args.count && first.some(word => args.isWord(at, word));
  }

  /** Every key may be read. */
  get mayReadAll(): boolean {
    return this.hasAllKeys || this.keys.some(pattern => pattern.isForAll && pattern.mayRead);
  }

  /** Channels are matched; patterns (PSUBSCRIBE) have to be there as they are. */
  allowsChannel(buf: Buffer, start: number, end: number, isPattern: boolean): boolean {
    if (this.hasAllChannels) return true;
    return this.channels.some(each => (isPattern ? each.isWritten(buf, start, end) : each.matches(buf, start, end)));
  }

  /** `needs`: a set of NEEDS_…. */
  allowsKey(buf: Buffer, start: number, end: number, needsRead: boolean, needsWrite: boolean): boolean {
    if (this.hasAllKeys) return true;
    const { keys } = this;
    for (let i = 0; i < keys.length; i++) {
      const pattern = keys[i]!;
      if ((needsRead && !pattern.mayRead) || (needsWrite && !pattern.mayWrite)) continue;
      if (pattern.matches(buf, start, end)) return true;
    }
    return false;
  }
}
