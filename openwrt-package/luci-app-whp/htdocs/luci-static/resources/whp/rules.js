'use strict';
'require baseclass';

// The rules of the agent for its configuration: whp/rules.gz, which scripts/luci.mjs makes of agent/src/policy.

return baseclass.extend({
  /** Resolves when the others may be called. */
  load() {
    this.loaded ??= fetch(L.resource('whp/rules.gz'))
      .then(({ body }) =>
        new window.Response(body.pipeThrough(new DecompressionStream('gzip'))).text(),
      )
      .then((source) => Object.assign(this, new Function(source)()));
    return this.loaded;
  },
});
