import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useLocation } from 'preact-iso';
import type { PagePath } from '../api/page/paths.js';
import { isSignInNeeded, problemOf } from './api.js';
import { Banner } from './parts/banner.js';
import { useResource } from './resource.js';
import { may, type Scope, session, signOut } from './session.js';
import type { AttentionRow, Page } from './shapes.js';
import { SignIn } from './pages/sign-in.js';

/** The path and the name of each page, and the scope that a reader needs to see it. */
const pages: readonly (readonly [path: PagePath, name: string, scope?: Scope])[] = [
  ['/orders', 'Orders'],
  ['/attention', 'Attention'],
  ['/stock', 'Stock'],
  ['/system', 'System'],
  ['/webhooks', 'Webhooks', 'webhooks:write'],
];
const LOOK_EVERY_MS = 15_000;

/** The frame of every page: navigation, the reader, and problems of the API. */
export function Shell({ children }: { readonly children: ComponentChildren }) {
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="shell">
        <a class="brand" href="/orders">
          <img src={icon} alt="" width="20" height="20" />
          Orders
        </a>
        <Navigation />
        <Reader />
        <a class="docs" href="/docs/" target="_self">
          API
        </a>
      </header>
      <Banner />
      <main id="main" tabIndex={-1}>
        {isSignInNeeded.value ? <SignIn /> : children}
      </main>
    </>
  );
}

const icon = new URL('./icon.svg', import.meta.url).pathname;

function Navigation() {
  const { path } = useLocation();
  const attention = useResource<Page<AttentionRow>>(
    isSignInNeeded.value ? undefined : '/v1/attention?limit=20',
    LOOK_EVERY_MS,
  );
  const { data: rows = [], nextCursor } = attention.state.value.data ?? {};
  const shown = pages.filter(([, , scope]) => scope === undefined || may(scope));
  return (
    <nav aria-label="Pages">
      {shown.map(([href, name]) => (
        <a href={href} aria-current={isAt(path, href) ? 'page' : undefined}>
          {name}
          {href === '/attention' && (
            <span class={`badge ${rows.length > 0 ? 'bad' : ''}`}>
              {rows.length > 0 && rows.length}
              {nextCursor !== undefined && '+'}
            </span>
          )}
        </a>
      ))}
    </nav>
  );
}

/** Who is signed in. */
function Reader() {
  const { value } = session;
  const problem = useSignal('');
  const leave = async (): Promise<void> => {
    try {
      await signOut();
    } catch (error) {
      problem.value = `Still signed in: ${problemOf(error).message}`;
    }
  };
  if (value?.authentication !== 'on' || value.actor === undefined) return null;
  return (
    <span class="reader">
      <span class="problem" role="alert">
        {problem}
      </span>
      {value.actor}
      <button type="button" class="small" onClick={() => void leave()}>
        Sign out
      </button>
    </span>
  );
}

function isAt(path: string, href: string): boolean {
  return path === href || path.startsWith(`${href}/`) || (path === '/' && href === '/orders');
}
