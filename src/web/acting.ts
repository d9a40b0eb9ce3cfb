import { type Signal, useSignal } from '@preact/signals';
import { Problem } from './api.js';

export interface Acting {
  readonly isBusy: Signal<boolean>;
  readonly problem: Signal<string>;
  /** Runs an action. If it fails, `problem` says why. */
  readonly act: (what: () => Promise<void>) => Promise<void>;
}

/**
 * The state of the actions of one panel: whether one is running, and why the last one failed.
 *
 * @param inWords describes a problem; by default, in the API's words
 */
export function useActing(inWords = ({ message }: Problem): string => message): Acting {
  const isBusy = useSignal(false);
  const problem = useSignal('');
  const act: Acting['act'] = async (what) => {
    isBusy.value = true;
    problem.value = '';
    try {
      await what();
    } catch (error) {
      problem.value = error instanceof Problem ? inWords(error) : String(error);
    } finally {
      isBusy.value = false;
    }
  };
  return { isBusy, problem, act };
}
