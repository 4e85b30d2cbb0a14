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

  /** The first problem of the configuration as it is changed here, in words; null: it has none. `installed`: the rows of
   * the profiles; without any, each profile that is named counts as installed. */
  wrong(sections, installed) {
    const names =
      installed.length > 0
        ? installed.map(({ profile }) => profile)
        : sections.map(({ profile }) => profile);
    const [first] = this.problems(sections, names.filter(Boolean));
    return first
      ? `${[first.section, first.option].filter(Boolean).join('.')}: ${first.text}`
      : null;
  },
});
