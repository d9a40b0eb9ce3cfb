import { AsyncLocalStorage } from 'node:async_hooks';
import type { CommandStartedEvent, Db, Document, MongoClient } from 'mongodb';

/** The commands that some work sends to MongoDB. */
export interface MongoCommands {
  /**
   * Runs the work. @returns the commands that it led to, in order, and no others that run meanwhile
   */
  of(work: () => Promise<unknown>): Promise<readonly CommandStartedEvent[]>;
}

/** @param client made with `monitorCommands=true` */
export function watchCommands(client: MongoClient): MongoCommands {
  const current = new AsyncLocalStorage<CommandStartedEvent[]>();
  client.on('commandStarted', (command) => current.getStore()?.push(command));
  return {
    async of(work) {
      const commands: CommandStartedEvent[] = [];
      await current.run(commands, work);
      return commands;
    },
  };
}

/** How many documents the server looks at to answer a `find`, and how many it answers with. */
export async function examinedBy(
  db: Db,
  { command }: CommandStartedEvent,
): Promise<{ readonly examined: number; readonly returned: number }> {
  const { find, filter, sort, limit, projection } = command;
  const explained: Document = await db.command({
    explain: {
      find,
      filter,
      ...(sort && { sort }),
      ...(limit && { limit }),
      ...(projection && { projection }),
    },
    verbosity: 'executionStats',
  });
  const { totalDocsExamined, nReturned } = explained['executionStats'];
  return { examined: totalDocsExamined, returned: nReturned };
}
