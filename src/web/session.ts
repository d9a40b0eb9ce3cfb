import { signal } from '@preact/signals';
import { get, isSignInNeeded, post, request } from './api.js';
import type { Session } from './shapes.js';

/** Who the reader is; undefined until it is known. */
export const session = signal<Session | undefined>(undefined);

export type Scope = Session['scopes'][number];

/** Whether the reader has this scope. True with AUTH=off, and until the session is known. */
export function may(scope: Scope): boolean {
  const { value } = session;
  return value === undefined || value.authentication === 'off' || value.scopes.includes(scope);
}

/** Asks the API who the reader is. */
export async function loadSession(): Promise<void> {
  try {
    setSession(await get<Session>('/v1/session'));
  } catch {
    // The failure is ignored, because each request reports a missing session itself.
  }
}

/** The key stays in a cookie that no script can read. @throws Problem */
export async function signIn(key: string): Promise<void> {
  const { body } = await post<Session>('/v1/session', { key });
  setSession(body);
}

/** @throws Problem if the sign-out failed; the cookie is then still there */
export async function signOut(): Promise<void> {
  await request('/v1/session', { method: 'DELETE' });
  location.assign('/orders');
}

function setSession(found: Session): void {
  session.value = found;
  isSignInNeeded.value = found.authentication === 'on' && found.actor === undefined;
}
