/** A request to the process under test. */
export interface Call {
  readonly id: number;
  /** a function of the port */
  readonly name: string;
  readonly argument: unknown;
  /** when the signal of the call is aborted; absent for never */
  readonly abortAfterMs?: number;
}

/**
 * A report from the process under test: it is ready or unusable, or a call has begun or ended.
 */
export type Report =
  | { readonly ready: Ready }
  | { readonly unusable: string }
  | { readonly id: number; readonly started: true }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string };

export interface Ready {
  /** the optional functions that the module has */
  readonly has: readonly string[];
  readonly testMethods?: unknown;
  readonly testCarriers?: unknown;
}

export const kinds = ['payments', 'inventory', 'carriers'] as const;
export type Kind = (typeof kinds)[number];
