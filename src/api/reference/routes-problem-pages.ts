import { escapeHtml } from '../html.js';
import type { Http } from '../http.js';
import { HttpProblem } from '../problem.js';
import { type ProblemPage, problems } from './problems.js';

/** Serves a page of cause and remedy for each code that a problem can have, and a list of them. */
export function registerProblemPages(docs: Http): void {
  const hidden = { config: { access: 'open' }, schema: { hide: true } } as const;
  const html = 'text/html; charset=utf-8';
  docs.get('/docs/problems', hidden, async (_request, reply) => reply.redirect('/docs/problems/', 301));
  docs.get('/docs/problems/', hidden, async (_request, reply) => reply.type(html).send(list()));
  docs.get('/docs/problems/style.css', hidden, async (_request, reply) =>
    reply.type('text/css; charset=utf-8').send(STYLE),
  );
  docs.get('/docs/problems/:code', hidden, async (request, reply) => {
    const { code } = request.params as { readonly code: string };
    const found = Object.hasOwn(problems, code) ? problems[code] : undefined;
    if (found === undefined)
      throw new HttpProblem(404, 'unknown_path', 'There is no such code. /docs/problems/ lists them.');
    return await reply.type(html).send(page(code, section(code, found)));
  });
}

function list(): string {
  const items = Object.entries(problems).map(
    ([code, { cause }]) => `<dt><a href="${code}">${code}</a></dt><dd>${marked(cause)}</dd>`,
  );
  return page('Problems', `<h1>Problems</h1>\n<dl>\n${items.join('\n')}\n</dl>`);
}

function section(code: string, { cause, remedy }: ProblemPage): string {
  return `<h1><code>${code}</code></h1>
<h2>Cause</h2>
<p>${marked(cause)}</p>
<h2>Remedy</h2>
<p>${marked(remedy)}</p>
<p><a href="./">All problems</a> · <a href="../">Reference</a></p>`;
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>${title} · Orders API</title>
    <link rel="stylesheet" href="style.css" />
  </head>
  <body>
    <main>
${body}
    </main>
  </body>
</html>
`;
}

const STYLE = `body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem 1rem; }
main { max-width: 42rem; margin: auto; }
dt { margin-top: 1rem; font-family: ui-monospace, monospace; }
dd { margin: 0; }
`;

/** Converts a text to HTML, with `<code>` for what is in backquotes. */
function marked(text: string): string {
  return escapeHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
}
