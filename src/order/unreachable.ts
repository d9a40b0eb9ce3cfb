/**
 * For the `default` of an exhaustive `switch`: it compiles only if every case is handled.
 *
 * @throws TypeError always: only a value that the types exclude gets here, such as one that newer
 *   code wrote
 */
export function unreachable(value: never): never {
  throw new TypeError(`Not known to this version: ${JSON.stringify(value)}`);
}
