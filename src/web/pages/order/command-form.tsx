import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Preview } from '../../../api/commands/gateway/preview.js';
import type { OrderView } from '../../../order/view.js';
import { useAction } from '../../action.js';
import { Problem } from '../../api.js';
import { newKey } from '../../idempotency-key.js';
import { Copyable } from '../../parts/copyable.js';
import { curlOfCommand, scriptOfCommand } from './terminal-lines.js';
import type { Choice } from './choices.js';
import { formOf, type Input, type TypedTexts } from './inputs.js';
import { PreviewedResult } from './preview.js';
import { preview, send } from './send.js';

interface FormProps {
  readonly order: OrderView;
  readonly choice: Choice;
  readonly previewed: Signal<Preview | undefined>;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

/**
 * The form of a command: its inputs, a preview, and a button that sends it for the version of the
 * preview.
 */
export function CommandForm({ order, choice, previewed, onClose, onDone }: FormProps) {
  const { orderId, version } = order;
  // The form is made once, so that what is typed stays when the order changes.
  const { inputs, bodyOf } = useMemo(() => formOf(choice.type, order), []);
  const typed = useSignal<TypedTexts>({});
  const { isBusy, problem, run } = useAction(inWords);
  /** The body that was previewed, and the key with which it is sent. */
  const toSend = useRef({ body: {}, key: '' });
  const form = useRef<HTMLFormElement>(null);
  const body = bodyOf(typed.value);
  const shown = previewed.value;
  const isStale = shown !== undefined && shown.version !== version;

  useEffect(() => form.current?.querySelector<HTMLElement>('input, button')?.focus(), []);

  const onType = (name: string, value: string): void => {
    typed.value = { ...typed.value, [name]: value };
    previewed.value = undefined;
    problem.value = '';
  };
  const previewIt = async (given: object): Promise<void> => {
    const answer = await preview(orderId, choice, given);
    // Another form may be open by now.
    if (form.current === null) return;
    toSend.current = { body: given, key: newKey() };
    previewed.value = answer;
  };
  const sendIt = async (previewedVersion: number): Promise<void> => {
    const { body: given, key } = toSend.current;
    try {
      await send(orderId, choice, given, { version: previewedVersion, key });
    } catch (error) {
      if (error instanceof Problem && error.status === 412) previewed.value = undefined;
      throw error;
    }
    onDone();
  };
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    if (typeof body === 'string') problem.value = body;
    else void run(() => (shown === undefined ? previewIt(body) : sendIt(shown.version)));
  };
  const target = { orderId, version: shown?.version ?? version };
  return (
    <form
      ref={form}
      onSubmit={onSubmit}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose();
      }}
    >
      <h2>
        {choice.title} <span class="quiet">{choice.summary}</span>
      </h2>
      {inputs.map((input) => (
        <InputRow key={input.name} input={input} isFixed={isBusy.value} onType={onType} />
      ))}
      {choice.reason !== undefined && <p class="problem">Not allowed any more: {choice.reason}.</p>}
      {shown !== undefined && <PreviewedResult preview={shown} before={order} />}
      {isStale && <p class="problem">The order has changed since: preview the command again.</p>}
      <p class="problem" role="alert">
        {problem}
      </p>
      <p class="acts">
        <button type="submit" class="primary" disabled={isBusy.value}>
          {shown === undefined ? 'Preview' : `Confirm: ${choice.title.toLowerCase()}`}
        </button>
        <button type="button" onClick={onClose}>
          Back
        </button>
      </p>
      {typeof body !== 'string' && (
        <div class="typed-lines">
          <Copyable text={curlOfCommand(location.origin, choice, body, target)} />
          <Copyable text={scriptOfCommand(choice, body, target)} />
        </div>
      )}
    </form>
  );
}

function InputRow({
  input,
  isFixed,
  onType,
}: {
  readonly input: Input;
  /** true while a request is under way: the input cannot be changed */
  readonly isFixed: boolean;
  readonly onType: (name: string, value: string) => void;
}) {
  const { name, label, kind, isRequired, initial, most } = input;
  return (
    <label class="field">
      <span>{label}</span>
      <input
        name={name}
        type={kind === 'units' ? 'number' : 'text'}
        defaultValue={initial}
        required={isRequired}
        readOnly={isFixed}
        autocomplete="off"
        {...(kind === 'units' && { min: 0, step: 1, ...(most !== undefined && { max: most }) })}
        {...(kind === 'amount' && { inputMode: 'decimal' as const })}
        onInput={(event) => onType(name, event.currentTarget.value)}
      />
    </label>
  );
}

function inWords({ status, message }: Problem): string {
  switch (status) {
    case 412:
      return 'The order has changed since you looked: nothing was done. Preview the command again.';
    case 409:
      return `The command is not allowed: ${message}`;
    case 0:
      return 'The API does not answer. Try again: the command takes effect once, however often it is sent.';
    default:
      return message;
  }
}
