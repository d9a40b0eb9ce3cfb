import { useAction } from '../action.js';
import { signIn } from '../session.js';

/** The form that signs a reader in by an API key. */
export function SignIn() {
  const { problem, run } = useAction();
  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (!(event.currentTarget instanceof HTMLFormElement)) return;
    const key = new FormData(event.currentTarget).get('key');
    await run(() => signIn(typeof key === 'string' ? key.trim() : ''));
  };
  return (
    <form class="sign-in panel" onSubmit={(event) => void onSubmit(event)}>
      <h1>Sign in</h1>
      <label class="field">
        <span>API key</span>
        <input name="key" type="password" required autocomplete="current-password" />
      </label>
      <p class="problem" role="alert">
        {problem}
      </p>
      <button type="submit" class="primary">
        Sign in
      </button>
      <p class="quiet">
        <code>npx orders keys create --name ada --scopes orders:read,events:read,persons:read</code> makes
        one. The browser keeps it in a cookie that no script can read.
      </p>
    </form>
  );
}
