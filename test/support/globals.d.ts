/** Jest's global set-up sets it for the global teardown. */
declare var stopSharedServers: (() => Promise<void>) | undefined;
