import type { Remembered } from './answer.js';
import { hasIssuer, isSameCommand } from './command-id.js';
import type { ContinuedEntity } from './inputs.js';
import type { Message } from './messages.js';

/**
 * A workflow remembers at least this many answered commands; the journal has the earlier ones.
 * Temporal itself knows only the update ids of the current run.
 */
export const MIN_REMEMBERED = 500;

/**
 * The last commands of an entity, with their answers, in the memory of its run. The journal has the
 * earlier ones.
 */
export class RememberedCommands {
  private commands: readonly Remembered[];
  /** see `ContinuedEntity.memoryFrom` */
  private from: number;

  /** @param from absent if an older version of this code handed the entity on */
  constructor(commands: readonly Remembered[], from = oldestVersion(commands)) {
    this.commands = commands;
    this.from = from;
  }

  get memoryFrom(): number {
    return this.from;
  }

  find({ commandId }: Message): Remembered | undefined {
    return this.commands.findLast((entry) => isSameCommand(entry.commandId, commandId));
  }

  /** Whether only the journal can say if the command of a message is new. */
  needsJournal(message: Message): boolean {
    const { commandId, absentUpTo = 0 } = message;
    // In histories without issuers, a command that is not remembered counts as new.
    if (!hasIssuer(commandId) || absentUpTo >= this.from) return false;
    return this.find(message) === undefined;
  }

  /**
   * Adds the newest command. Drops the oldest commands beyond the limit, as far as the journal has
   * them.
   *
   * @param recorded the journal has every event up to this version
   */
  add(command: Remembered, recorded: number): void {
    this.commands = [...this.commands, command];
    const surplus = this.commands.length - MIN_REMEMBERED;
    if (surplus <= 0) return;
    const dropped = this.commands.slice(0, surplus).filter(({ answer }) => answer.version <= recorded);
    this.commands = this.commands.slice(dropped.length);
    this.from = Math.max(this.from, ...dropped.map(({ answer }) => answer.version));
  }

  /** Adds commands that the journal knows, as the oldest: they are the first to be dropped. */
  addRecalled(commands: readonly Remembered[]): void {
    this.commands = [...commands, ...this.commands];
  }

  handedOn(): Pick<ContinuedEntity<never>, 'remembered' | 'memoryFrom'> {
    return { remembered: this.commands, memoryFrom: this.from };
  }
}

/**
 * The value for `from` if an older version of this code handed the entity on. That version kept at
 * most `MIN_REMEMBERED` commands. If it kept fewer, none were dropped.
 */
function oldestVersion(commands: readonly Remembered[]): number {
  const [oldest] = commands.length < MIN_REMEMBERED ? [] : commands;
  return oldest?.answer.version ?? 0;
}
