import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setHeadersOfPages } from '../edge/headers.js';
import { registerProblemPages } from './routes-problem-pages.js';
import type { Http } from '../http.js';

/**
 * Serves `/docs/`: the reference, which shows `/openapi.json` and works offline. The
 * Content-Security-Policy allows no inline script and no other origin, so each script is a file
 * that is served here.
 */
export async function registerReference(app: Http): Promise<void> {
  const scalar = readFileSync(join(dirname(require.resolve(PACKAGE)), 'js', 'standalone.js'));
  const javascript = 'text/javascript; charset=utf-8';
  const hidden = { config: { access: 'open' }, schema: { hide: true } } as const;

  await app.register(async (docs: Http) => {
    await setHeadersOfPages(docs);
    registerProblemPages(docs);
    docs.get('/docs', hidden, async (_request, reply) => reply.redirect('/docs/', 301));
    docs.get('/docs/', { ...hidden, helmet: { enableCSPNonces: true } }, async (_request, reply) =>
      reply.type('text/html; charset=utf-8').send(pageHtml(reply.cspNonce.style)),
    );
    docs.get('/docs/js/scalar.js', hidden, async (_request, reply) => reply.type(javascript).send(scalar));
    docs.get('/docs/js/start.js', hidden, async (_request, reply) => reply.type(javascript).send(START));
    docs.get('/docs/js/nonce.js', hidden, async (_request, reply) => reply.type(javascript).send(NONCE));
  });
}

/** Redirects `/` to the reference, in a process that does not serve the page. */
export function redirectToReference(app: Http): void {
  app.get('/', { config: { access: 'open' }, schema: { hide: true } }, async (_request, reply) =>
    reply.redirect('/docs/'),
  );
}

const require = createRequire(import.meta.url);
const PACKAGE = '@scalar/fastify-api-reference';

/** @param nonce the nonce of the styles that the page's scripts make */
function pageHtml(nonce: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Orders API</title>
  </head>
  <body>
    <div id="app"></div>
    <script src="js/nonce.js" data-style-nonce="${nonce}"></script>
    <script src="js/scalar.js"></script>
    <script src="js/start.js"></script>
  </body>
</html>
`;
}

/**
 * Adapts the reference to the page's content security policy. Scalar creates style elements, which
 * need the nonce, and sets style attributes, which the policy allows only through the DOM.
 */
const NONCE = `const { styleNonce } = document.currentScript.dataset;
const create = document.createElement.bind(document);
document.createElement = (...args) => {
  const element = create(...args);
  if (element instanceof HTMLStyleElement) element.nonce = styleNonce;
  return element;
};
const setAttribute = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (name, value) {
  if (name === 'style') this.style.cssText = value;
  else setAttribute.call(this, name, value);
};
`;

const START = `Scalar.createApiReference('#app', ${JSON.stringify({
  url: '../openapi.json',
  withDefaultFonts: false,
  hideClientButton: true,
  telemetry: false,
  // The developer tools would send the document to servers of third parties, and load code from
  // them.
  showDeveloperTools: 'never',
})});
`;
