/** Names under which the system itself acts. No caller can take one of them. */
export const systemActors: ReadonlySet<string> = new Set([
  'carriers',
  'clock',
  'deliver',
  'inventory',
  'orders',
  'payments',
  'system',
  'temporal',
  'webhooks',
]);

/** Matches names that are proven by credentials. */
const withCredentials = /^(key|user):/;
/** Matches names that are proven by credentials or assigned by the system. */
const reservedPrefix = /^(key|user|temporal|webhook|kafka):/i;

/**
 * Whether credentials have proved the name. A caller without them may claim another name in each
 * request.
 */
export function hasCredentials(actor: string): boolean {
  return withCredentials.test(actor);
}

/** Whether the name is one of the system's own, in upper or lower case. */
export function isSystemName(name: string): boolean {
  return systemActors.has(name.toLowerCase());
}

/** Whether a caller may not take the name. */
export function isReserved(name: string): boolean {
  return isSystemName(name) || reservedPrefix.test(name);
}

/** Maximum length of an actor. It is the same as for an actor that a client claims in a header. */
const MAX_ACTOR_LENGTH = 200;

/**
 * The actor of a user of the OpenID issuer: `user:<sub>`. Characters other than visible ASCII are
 * percent-encoded, and so is `%`, so different subjects have different actors.
 *
 * @returns undefined if the subject is empty, too long, or not well-formed Unicode
 */
export function actorOfSubject(subject: string): string | undefined {
  if (subject === '' || /\p{Surrogate}/u.test(subject)) return undefined;
  const actor = `user:${subject.replaceAll(/[^!-$&-~]/gu, encodeURIComponent)}`;
  return actor.length > MAX_ACTOR_LENGTH ? undefined : actor;
}
