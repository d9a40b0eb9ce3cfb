/**
 * The schema keyword of a member whose text is personal: the text is sealed before it enters a
 * command.
 */
const PERSONAL = 'x-personal';

/** Marks the schema of a personal text. OpenAPI shows the mark. */
export function personal<S extends object>(schema: S): S {
  return { ...schema, [PERSONAL]: true };
}

/** The path to a member, outermost name first, without the indexes of lists. */
export type Path = readonly string[];

/**
 * The name of a personal field by its path. A value has one name wherever it appears: in a command,
 * an event, a state or an answer.
 */
export function fieldOf(path: Path): string {
  const [owner = '', member = ''] = path.slice(-2);
  if (owners.has(owner) && path.length > 1) return `${owner}.${member}`;
  const name = path.at(-1) ?? '';
  return renamed.get(name) ?? name;
}

const owners = new Set(['customer', 'shippingAddress', 'payment']);
/** Members that hold a field under another name. */
const renamed = new Map([
  // A new order's note becomes the first of its notes.
  ['note', 'text'],
  // Feed views store the customer's name without the customer object.
  ['name', 'customer.name'],
  // An effect has the payment method as `method`.
  ['method', 'payment.method'],
]);

/**
 * The paths to the personal members of a schema.
 *
 * @throws TypeError if a list has personal entries, or entries with personal members: no command
 *   has such a list
 */
export function personalPathsIn(schema: unknown, path: Path = []): readonly Path[] {
  if (typeof schema !== 'object' || schema === null) return [];
  if (Reflect.get(schema, PERSONAL) === true) return [path];
  if (personalPathsIn(Reflect.get(schema, 'items')).length > 0)
    throw new TypeError(`a list at ${path.join('.')} has personal members`);
  const properties: unknown = Reflect.get(schema, 'properties');
  if (typeof properties !== 'object' || properties === null) return [];
  return Object.entries(properties).flatMap(([name, member]) => personalPathsIn(member, [...path, name]));
}

/** A copy of `value` whose text at `path` is changed; `value` itself if it has no text there. */
export function changedAt<T>(value: T, [name, ...rest]: Path, change: (text: string) => string): T {
  if (name === undefined) return (typeof value === 'string' ? change(value) : value) as T;
  if (typeof value !== 'object' || value === null || !(name in value)) return value;
  return { ...value, [name]: changedAt<unknown>(Reflect.get(value, name), rest, change) };
}

/** Whether `value` has a text at one of these paths. */
export function hasText(value: unknown, paths: readonly Path[]): boolean {
  return paths.some((path) => {
    const found = path.reduce<unknown>(
      (inside, name) =>
        typeof inside === 'object' && inside !== null ? Reflect.get(inside, name) : undefined,
      value,
    );
    return typeof found === 'string';
  });
}
