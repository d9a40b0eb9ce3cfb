/** What the system itself writes as an actor. No caller can take one of these names. */
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

/** Begin the names that are proven, or that only the system gives. */
const provenPrefix = /^(key|user|temporal|webhook|kafka):/i;

/** Whether the system itself acts under the name, in whichever case it is written. */
export function isSystemName(name: string): boolean {
  return systemActors.has(name.toLowerCase());
}

/** Whether a name cannot be claimed. */
export function isReserved(name: string): boolean {
  return isSystemName(name) || provenPrefix.test(name);
}

/** The longest name that fits into a command id, as a header's value does. */
const LONGEST_ACTOR = 200;

/**
 * The actor of a user of the OpenID issuer: `user:<sub>`, with everything but visible ASCII, and
 * `%`, percent-encoded. So different subjects have different actors.
 *
 * @returns undefined if the subject is empty, too long, or not well-formed Unicode
 */
export function actorOfSubject(subject: string): string | undefined {
  if (subject === '' || /\p{Surrogate}/u.test(subject)) return undefined;
  const actor = `user:${subject.replaceAll(/[^!-$&-~]/gu, encodeURIComponent)}`;
  return actor.length > LONGEST_ACTOR ? undefined : actor;
}
