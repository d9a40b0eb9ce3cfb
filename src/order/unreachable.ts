/**
 * For the end of an exhaustive `switch`: it compiles only while every case is there.
 *
 * @throws TypeError where a value comes that the types rule out, from a newer version for instance: to go on would be to guess
 */
export function unreachable(value: never): never {
  throw new TypeError(`Not known to this version: ${JSON.stringify(value)}`);
}
