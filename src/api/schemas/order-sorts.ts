/** What a list of orders may be sorted by; `-` is for descending. */
export const orderSorts = ['createdAt', '-createdAt', 'updatedAt', '-updatedAt', 'total', '-total'] as const;
