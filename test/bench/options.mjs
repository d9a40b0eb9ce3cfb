/** The options of `npm run bench`. @satisfies {import('node:util').ParseArgsConfig['options']} */
export const OPTIONS = /** @type {const} */ ({
  quick: { type: 'boolean', default: false },
  only: { type: 'string', multiple: true, default: [] },
  orders: { type: 'string' },
  profile: { type: 'string' },
});
