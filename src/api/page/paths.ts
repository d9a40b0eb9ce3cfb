/** The paths of the page. `src/web/main.tsx` has the component of each. */
export const pagePaths = [
  '/',
  '/orders',
  '/orders/:orderId',
  '/attention',
  '/customers/:customerId',
  '/stock',
  '/system',
  '/webhooks',
] as const;

export type PagePath = (typeof pagePaths)[number];
