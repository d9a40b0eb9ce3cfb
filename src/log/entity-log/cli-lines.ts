/* Command lines in remedies for operators: all that the log knows of the client scripts. */

/** The command lines about one entity, by its id. */
export interface CliLines {
  readonly resume: (id: string) => string;
  readonly verify: (id: string) => string;
  /** prints the events of an entity; absent if no command does */
  readonly events?: (id: string) => string;
}

/** @param name the kind of entity; absent for the kind that the scripts are about by default */
export function cliLinesOf(name?: string): CliLines {
  const option = name === undefined ? '' : ` --entity ${name}`;
  return {
    resume: (id) => `npx orders resume ${id}${option}`,
    verify: (id) => `npx orders verify --order ${id}${option}`,
  };
}

/** The command lines for all kinds of entities together. */
export const cliLinesForAll = {
  verify: 'npx orders verify',
  reconcile: 'npx orders reconcile --now',
  projections: 'npx orders projections',
  rebuild: (view: string) => `npx orders rebuild ${view}`,
} as const;

/** A remedy: how an operator compares the journal of an entity with its history. */
export function comparedByHand({ events }: CliLines, id: string): string {
  return events === undefined
    ? 'compare its journal with its history'
    : `compare \`${events(id)}\` with \`${events(id)} --source history\``;
}
