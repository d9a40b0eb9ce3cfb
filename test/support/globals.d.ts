/** Jest's global set-up sets it for the global teardown. */
// oxlint-disable-next-line no-var -- only `var` declares a property of globalThis
declare var stopSharedServers: (() => Promise<void>) | undefined;
