import { useEffect, useMemo, useRef } from 'preact/hooks';
import { schemaVersions } from '../../../order/events.js';
import { useAction } from '../../action.js';
import { newKey } from '../../idempotency-key.js';
import type { Endpoint } from '../../shapes.js';
import { inWords, type Settings } from './endpoints.js';

interface FormProps {
  readonly title: string;
  /** absent for a new endpoint */
  readonly endpoint?: Endpoint;
  /** @param key the idempotency key of the attempt */
  readonly onSend: (settings: object, key: string) => Promise<void>;
  readonly onClose: () => void;
}

const payloads: Readonly<Record<Endpoint['payload'], string>> = {
  thin: 'ids alone',
  event: 'the event',
  order: 'the event, and the order after it',
};

/** The form of an endpoint's settings. */
export function SettingsForm({ title, endpoint, onSend, onClose }: FormProps) {
  const { isBusy, problem, run } = useAction(inWords);
  const form = useRef<HTMLFormElement>(null);
  /** the same key for each attempt with the same input, so that the change is made once */
  const key = useRef(newKey());
  // The form keeps the endpoint as it was at first, so a change of the endpoint does not overwrite
  // what was typed.
  const first = useMemo(() => endpoint, []);
  useEffect(() => form.current?.querySelector('input')?.focus(), []);
  const onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (form.current === null) return;
    const given = settingsIn(new FormData(form.current));
    if (typeof given === 'string') problem.value = given;
    else void run(() => onSend(given, key.current));
  };
  return (
    <form
      ref={form}
      class="panel settings"
      onSubmit={onSubmit}
      onInput={() => (key.current = newKey())}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose();
      }}
    >
      <h2>{title}</h2>
      <Text
        name="url"
        label="URL"
        type="url"
        value={first?.url}
        isRequired
        hint="https://shop.example/hooks"
      />
      <Text name="events" label="Events" value={first?.events.join(', ')} hint="all; or OrderConfirmed, …" />
      <Text name="customers" label="Of customers" value={first?.customers.join(', ')} hint="all; or ids" />
      <Text name="tags" label="Of orders with a tag" value={first?.tags.join(', ')} hint="any; or tags" />
      <label class="field">
        <span>Payload</span>
        <select name="payload">
          {Object.entries(payloads).map(([value, text]) => (
            <option key={value} value={value} selected={value === (first?.payload ?? 'event')}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <Text
        name="perSecond"
        label="Deliveries a second, at most"
        type="number"
        value={first?.perSecond}
        isRequired={first?.perSecond !== undefined}
        hint="any number"
      />
      <Text
        name="description"
        label="Description"
        value={first?.description}
        isRequired={first?.description !== undefined}
        hint="for people"
      />
      <p class="problem" role="alert">
        {problem}
      </p>
      <p class="acts">
        <button type="submit" class="primary" disabled={isBusy.value}>
          {endpoint === undefined ? 'Create' : 'Change'}
        </button>
        <button type="button" onClick={onClose}>
          Back
        </button>
      </p>
    </form>
  );
}

interface TextProps {
  readonly name: keyof Settings;
  readonly label: string;
  readonly type?: 'text' | 'url' | 'number';
  readonly value: string | number | undefined;
  readonly isRequired?: boolean;
  readonly hint: string;
}

function Text({ name, label, type = 'text', value, isRequired = false, hint }: TextProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        name={name}
        type={type}
        defaultValue={value === undefined ? '' : String(value)}
        required={isRequired}
        placeholder={hint}
        autocomplete="off"
        {...(type === 'number' && { min: 1, max: 1_000, step: 1 })}
      />
    </label>
  );
}

/** The settings in the form, or a text that says what is wrong with them. */
function settingsIn(given: FormData): object | string {
  const text = (name: keyof Settings): string => {
    const value = given.get(name);
    return typeof value === 'string' ? value.trim() : '';
  };
  const list = (name: keyof Settings) =>
    text(name)
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '');
  const events = list('events');
  const unknown = events.find((type) => !Object.hasOwn(schemaVersions, type));
  if (unknown !== undefined) return `There is no event ${unknown}.`;
  const perSecond = text('perSecond');
  const description = text('description');
  return {
    url: text('url'),
    events,
    customers: list('customers'),
    tags: list('tags'),
    payload: text('payload'),
    ...(perSecond !== '' && { perSecond: Number(perSecond) }),
    ...(description !== '' && { description }),
  };
}
