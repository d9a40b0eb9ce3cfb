import { useSignal } from '@preact/signals';
import { useLocation } from 'preact-iso';
import { withQuery } from '../../api.js';
import { words } from '../../format.js';
import { choiceFilters, type Filters, flagFilters, typedFilters } from './filters.js';

/**
 * The filters: links for fixed values, and a form for typed ones. The page's address has the
 * filters.
 */
export function FilterBar({
  filters,
  counts,
}: {
  readonly filters: Filters;
  /** numbers of orders by status; undefined until they are known */
  readonly counts: ReadonlyMap<string, number> | undefined;
}) {
  return (
    <div class="filters">
      <TypedFilters filters={filters} />
      <div class={`choices ${counts === undefined ? 'uncounted' : ''}`}>
        <FilterLinks filters={filters} of={choiceFilters[0]} counts={counts} />
        <div class="choice" role="group" aria-label="Flags">
          <span class="label">Only</span>
          {flagFilters.map((name) => (
            <FilterLink key={name} filters={filters} name={name} value="true">
              {name === 'held' ? 'held' : 'needs attention'}
            </FilterLink>
          ))}
        </div>
        {choiceFilters.slice(1).map((one) => (
          <FilterLinks key={one[0]} filters={filters} of={one} counts={counts} />
        ))}
      </div>
    </div>
  );
}

interface FilterLinksProps {
  readonly filters: Filters;
  readonly of: (typeof choiceFilters)[number];
  readonly counts: ReadonlyMap<string, number> | undefined;
}

function FilterLinks({ filters, of: [name, values], counts }: FilterLinksProps) {
  return (
    <div class="choice" role="group" aria-label={words(titles[name])}>
      <span class="label">{titles[name]}</span>
      {values.map((value) => (
        <FilterLink key={value} filters={filters} name={name} value={value}>
          {words(value)}
          {name === 'status' && <small>{counts?.get(value)?.toLocaleString('en')}</small>}
        </FilterLink>
      ))}
    </div>
  );
}

const titles = { status: 'Status', paymentStatus: 'Payment', fulfillmentStatus: 'Fulfilment' } as const;

interface FilterLinkProps {
  readonly filters: Filters;
  readonly name: string;
  readonly value: string;
  readonly children: preact.ComponentChildren;
}

/** A link for one value of a filter. If that value is active, the link removes the filter. */
function FilterLink({ filters, name, value, children }: FilterLinkProps) {
  const isChosen = filters[name] === value;
  const { [name]: _, ...others } = filters;
  return (
    <a
      class="chip"
      href={withQuery('/orders', isChosen ? others : { ...filters, [name]: value })}
      aria-current={isChosen ? 'true' : undefined}
    >
      {children}
    </a>
  );
}

function TypedFilters({ filters }: { readonly filters: Filters }) {
  const { route } = useLocation();
  const apply = (event: SubmitEvent): void => {
    event.preventDefault();
    if (!(event.currentTarget instanceof HTMLFormElement)) return;
    const given = [...new FormData(event.currentTarget)].map(([name, value]) => [
      name,
      typeof value === 'string' ? value.trim() : '',
    ]);
    route(withQuery('/orders', { ...filters, ...Object.fromEntries(given) }));
  };
  const hasMore = typedFilters.some(([name]) => name !== 'q' && filters[name] !== undefined);
  const isOpen = useSignal(hasMore);
  const isAny = Object.keys(filters).some((name) => name !== 'sort');
  return (
    <form
      class={`typed ${isOpen.value ? 'open' : ''}`}
      role="search"
      onSubmit={apply}
      key={JSON.stringify(filters)}
    >
      {typedFilters.map(([name, label, type]) => (
        <label key={name} class={`field ${type === 'number' ? 'amount' : type}`}>
          <span>{label}</span>
          <input
            name={name}
            type={type}
            defaultValue={filters[name] ?? ''}
            {...(type === 'search' && { placeholder: 'id, name, SKU, tag …' })}
            {...(type === 'number' && { placeholder: 'minor units', min: 0, step: 1 })}
          />
        </label>
      ))}
      <button type="submit">Search</button>
      <button
        type="button"
        class="more"
        aria-expanded={isOpen.value}
        onClick={() => (isOpen.value = !isOpen.value)}
      >
        Dates and totals
      </button>
      {isAny && <a href="/orders">Clear</a>}
    </form>
  );
}
