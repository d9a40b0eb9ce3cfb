/** Set by jest's global set-up for its global teardown. */
// oxlint-disable-next-line no-var -- only `var` declares a property of globalThis
declare var stopSharedServers: (() => Promise<void>) | undefined;
