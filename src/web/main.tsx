/* The entry point of the page: the component of each path, in the frame that all share. */
import { type ComponentType, render } from 'preact';
import { LocationProvider, Route, Router } from 'preact-iso';
import './styles/all.css';
import { type PagePath, pagePaths } from '../api/page/paths.js';
import { Shell } from './shell.js';
import { AttentionPage } from './pages/attention.js';
import { CustomerPage } from './pages/customer.js';
import { loadSession } from './session.js';
import { lazyPage } from './parts/lazy.js';
import { NotFound } from './parts/states.js';
import { OrderPage } from './pages/order/page.js';
import { OrdersPage } from './pages/orders/page.js';
import { StockPage } from './pages/stock.js';

// These pages are loaded when they are opened. The charts of the system page are a third of all
// code, and few readers open the webhooks page.
const SystemPage = lazyPage(async () => (await import('./pages/system/page.js')).SystemPage);
const WebhooksPage = lazyPage(async () => (await import('./pages/webhooks/page.js')).WebhooksPage);

const pages: Readonly<Record<PagePath, ComponentType>> = {
  '/': OrdersPage,
  '/orders': OrdersPage,
  '/orders/:orderId': OrderPage,
  '/attention': AttentionPage,
  '/customers/:customerId': CustomerPage,
  '/stock': StockPage,
  '/system': SystemPage,
  '/webhooks': WebhooksPage,
};

function App() {
  return (
    <LocationProvider scope={/^\/(?!docs|openapi|asyncapi|v1|health|metrics)/}>
      <Shell>
        <Router>
          {pagePaths.map((path) => (
            <Route key={path} path={path} component={pages[path]} />
          ))}
          <Route default component={NotFound} />
        </Router>
      </Shell>
    </LocationProvider>
  );
}

const root = document.querySelector('#app');
if (root !== null) render(<App />, root);
void loadSession();
